"""What workers did last."""

from datetime import datetime, timedelta

from tracking.core.queue import timetable
from tracking.work.models import TaskNote
from tracking.work.types import UNNOTED, TaskRow, TaskState

LONGEST = timedelta(hours=1)  # no task takes nearly as long: longer work is cut into slices


def list_tasks(*, now: datetime) -> list[TaskRow]:
    """Return every task of the timetable and every other that ran, by name. One query.

    Of those that are not noted unless they fail, those that did.
    """
    notes = {note.name: note for note in TaskNote.objects.all()}
    every_s = timetable()
    names = notes.keys() | (every_s.keys() - UNNOTED)
    return [_row(name, notes.get(name), every_s.get(name), now) for name in sorted(names)]


def _row(name: str, note: TaskNote | None, every_s: float | None, now: datetime) -> TaskRow:
    if note is None:
        return TaskRow(name, TaskState.NEVER, every_s, None, None, "", None)
    took_s = (note.ended_at - note.started_at).total_seconds() if note.ended_at else None
    return TaskRow(name, _state(note, now), every_s, note.started_at, took_s, note.error, note.failed_at)


def _state(note: TaskNote, now: datetime) -> TaskState:
    if note.ended_at is None:
        return TaskState.RUNNING if now - note.started_at < LONGEST else TaskState.BROKEN_OFF
    return TaskState.FAILED if note.error else TaskState.DONE
