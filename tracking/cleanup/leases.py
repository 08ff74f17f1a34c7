"""Whose turn it is: a lease on a deletion, and the steps that only its holder can commit."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from tracking.cleanup.models import Deletion
from tracking.cleanup.pace import rest
from tracking.cleanup.types import DUE_STATES, MAX_FAILURES, State

Clock = Callable[[], datetime]


class LostLeaseError(Exception):
    """Somebody else has the deletion now: it was paused or cancelled, or this worker was thought to be dead."""


@dataclass(slots=True)
class Lease:
    """A deletion that this worker holds, as it stood when it was taken; ``done`` is kept up to date."""

    deletion: Deletion
    owner: str
    clock: Clock
    done: Counter[str] = field(default_factory=Counter)

    @classmethod
    def take(cls, *, deletion_id: int, owner: str, clock: Clock) -> "Lease | None":
        """Take a deletion that is due and that nobody holds; None if there is no such. Two statements.

        One that its last holder let expire is a failure: whatever kills workers must not be tried for ever.
        """
        now = clock()
        free = Q(lease_until=None) | Q(lease_until__lt=now)
        due = Deletion.objects.filter(free, pk=deletion_id, state__in=DUE_STATES, due_at__lte=now)
        died = due.exclude(lease_owner="")
        died.filter(failures__gte=MAX_FAILURES - 1).update(
            state=State.FAILED, lease_owner="", lease_until=None, error="The worker died again and again at this point."
        )
        died.update(failures=F("failures") + 1, lease_owner="")
        if not due.update(state=State.RUNNING, lease_owner=owner, lease_until=now + lease_life()):
            return None
        Deletion.objects.filter(pk=deletion_id, started_at=None).update(started_at=now)
        deletion = Deletion.objects.get(pk=deletion_id)
        return cls(deletion, owner, clock, Counter(deletion.done))

    @contextmanager
    def step(self) -> Iterator["Step"]:
        """Open a transaction for a step; it is committed, with what was counted in it, if the lease still holds.

        Others may write for a while then: it returns after a rest.

        :raises LostLeaseError: if it does not; nothing of the step is kept then.
        """
        step = Step()
        began_at = time.monotonic()
        with transaction.atomic():
            yield step
            done = self.done + step.counts
            written = {"done": done, "bytes_freed": F("bytes_freed") + step.size_bytes, "failures": 0}
            self._update(**{**written, **step.columns})
        self.done, self.deletion.failures = done, 0
        rest(time.monotonic() - began_at)

    def renew(self, **columns: object) -> None:
        """Say that the work goes on, and how far it is perhaps.

        :raises LostLeaseError: if the lease does not hold any more.
        """
        self._update(**columns)

    def end(self, **columns: object) -> None:
        """Give the deletion up, with a state or a report perhaps."""
        self._update(lease_owner="", lease_until=None, **columns)

    @classmethod
    def fail(cls, *, deletion_id: int, owner: str, error: str, now: datetime) -> None:
        """Note that the holder did not get on; the work is to be tried again in 1, 2, 4, 8 seconds, then no more."""
        held = Deletion.objects.filter(pk=deletion_id, lease_owner=owner, state=State.RUNNING)
        for failures in held.values_list("failures", flat=True):
            failures += 1
            held.update(
                state=State.FAILED if failures >= MAX_FAILURES else State.RUNNING,
                failures=failures,
                error=error,
                lease_owner="",
                lease_until=now + timedelta(seconds=2 ** (failures - 1)),
            )

    def _update(self, **columns: object) -> None:
        now = self.clock()
        columns.setdefault("lease_until", now + lease_life())
        mine = Deletion.objects.filter(pk=self.deletion.pk, lease_owner=self.owner, state=State.RUNNING)
        if not mine.update(heartbeat_at=now, **columns):
            raise LostLeaseError(self.deletion.uid)


@dataclass(slots=True)
class Step:
    """What happened in a step: rows and files by kind, bytes, and columns of the deletion that change with it."""

    counts: Counter[str] = field(default_factory=Counter)
    size_bytes: int = 0
    columns: dict[str, object] = field(default_factory=dict)


def lease_life() -> timedelta:
    """Return how long a worker may be silent before another takes over."""
    return timedelta(seconds=settings.ENV.lease_s)
