"""Words about the tasks of workers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# They run all the time, and what they work on says how far it is (cleanup): only their failures are noted.
UNNOTED = frozenset({"cleanup.advance", "cleanup.sweep"})


class TaskState(StrEnum):
    """What became of a task when it ran last. ``broken_off``: nothing was heard of it for long; it was killed."""

    NEVER = "never"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    BROKEN_OFF = "broken_off"


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as it ran last. ``every_s`` None: it is not in the timetable, something that happens wakes it up."""

    name: str
    state: TaskState
    every_s: float | None
    started_at: datetime | None
    took_s: float | None
    error: str
    failed_at: datetime | None
