"""What Celery's signals call around every task (portal/celery.py)."""

from contextlib import suppress
from typing import Any

from celery.states import FAILURE
from django.db import DatabaseError

from tracking.core.clock import utc_now
from tracking.work import services


def note_start(*, task: Any, **_: object) -> None:
    """Note in the database that a task begins. Notes are for people: the task is done all the same without one."""
    task.request.began_at = utc_now()
    with suppress(DatabaseError):
        services.note_start(name=task.name, now=task.request.began_at)


def note_end(*, task: Any, state: str, retval: object, **_: object) -> None:
    """Note in the database that a task has ended, and how."""
    error = f"{type(retval).__name__}: {retval}" if state == FAILURE else ""
    with suppress(DatabaseError):
        services.note_end(name=task.name, started_at=task.request.began_at, error=error, now=utc_now())
