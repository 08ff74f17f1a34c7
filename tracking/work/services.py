"""Noting what workers do, for who looks whether they do; and waking them up by hand."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from tracking.audit.services import record
from tracking.core.errors import NotFoundError
from tracking.core.queue import enqueue, timetable
from tracking.work.models import TaskNote
from tracking.work.types import UNNOTED

if TYPE_CHECKING:
    from tracking.identity.models import User

MAX_ERROR = 500


def note_start(*, name: str, now: datetime) -> None:
    """Note that a task begins. One statement."""
    if name in UNNOTED:
        return
    TaskNote.objects.bulk_create(
        [TaskNote(name=name, started_at=now)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["started_at", "ended_at"],
    )


def note_end(*, name: str, started_at: datetime, error: str, now: datetime) -> None:
    """Note that a task has ended, well (``error`` empty) or not. One statement."""
    if name in UNNOTED and not error:
        return
    note = TaskNote(
        name=name, started_at=started_at, ended_at=now, error=error[:MAX_ERROR], failed_at=now if error else None
    )
    TaskNote.objects.bulk_create(
        [note],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["started_at", "ended_at", "error", "failed_at"],
    )


@transaction.atomic
def start_task(*, name: str, by: "User", now: datetime) -> None:
    """Wake a worker up for a task of the timetable now.

    :raises NotFoundError: if the timetable has none of this name.
    """
    if name not in timetable():
        raise NotFoundError(f"There is no task {name[:100]!r} in the timetable.")
    record(by=by, verb="task.start", target=name, at=now)
    enqueue(name)
