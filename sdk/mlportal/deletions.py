"""Deletions: what one would take away, and the operation that carries it out on the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mlportal._pages import list_all
from mlportal._times import parse_time
from mlportal._transport import Transport, quoted
from mlportal._waiting import wait_until
from mlportal.errors import DeletionFailedError

PATH = "api/v1/deletions"
ENDED = frozenset({"done", "failed", "cancelled"})
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 3.0


@dataclass(frozen=True)
class DeletionPlan:
    """What a deletion would take away; making it changes nothing.

    ``counts``: things by kind; ``bytes``: by kind; ``blocked_by``: what forbids it (locks, running runs), each a
    mapping with ``kind``, ``name``, ``where``; ``people``: who would be affected; ``needs_confirmation``: the name to
    repeat, or None.
    """

    target: Mapping[str, Any]
    counts: Mapping[str, int]
    bytes: Mapping[str, int]
    blocked_by: tuple[Mapping[str, Any], ...]
    people: tuple[Any, ...]
    needs_confirmation: str | None


@dataclass(frozen=True)
class Deletion:
    """A deletion as it stood when it was asked for; ``refresh`` and ``wait`` return newer ones.

    ``state``: accepted, running, paused, failed, cancelled, done. ``done`` and ``total``: counts by kind.
    Times are aware, UTC.
    """

    uid: str
    state: str
    mode: str
    target: Mapping[str, Any]
    asked_by: str | None
    asked_at: datetime | None
    due_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    done: Mapping[str, int]
    total: Mapping[str, int]
    bytes_freed: int
    error: str | None
    report: Any
    _transport: Transport = field(repr=False, compare=False)

    def refresh(self) -> Deletion:
        """Return the deletion as it is now."""
        return get_deletion(self._transport, self.uid)

    def retry(self) -> Deletion:
        """Have a failed deletion go on where it stopped."""
        return self._change("retry")

    def pause(self) -> Deletion:
        """Have it stop after the step it is at."""
        return self._change("pause")

    def resume(self) -> Deletion:
        """Have a paused deletion go on."""
        return self._change("resume")

    def cancel(self) -> Deletion:
        """Give up one that does not run; what is left can be used again."""
        return self._change("cancel")

    def wait(
        self, *, timeout_s: float | None = None, on_progress: Callable[[Deletion], None] | None = None
    ) -> Deletion:
        """Return it once it is done. ``on_progress`` is called with every newer state.

        :raises DeletionFailedError: if it fails or is cancelled.
        :raises TimedOutError: if it takes longer than ``timeout_s``; it goes on, on the server.
        """
        seen = self

        def look() -> Deletion:
            nonlocal seen
            if seen.state in ENDED:
                return seen
            seen = seen.refresh()
            if on_progress is not None:
                on_progress(seen)
            return seen

        current = wait_until(
            look,
            lambda deletion: deletion.state in ENDED,
            first_pause_s=FIRST_PAUSE_S,
            longest_pause_s=LONGEST_PAUSE_S,
            timeout_s=timeout_s,
            still=lambda deletion: f"Deletion {self.uid} goes on, but is still {deletion.state}",
        )
        if current.state != "done":
            why = current.error or "the server gives no reason"
            raise DeletionFailedError(f"Deletion {self.uid} {current.state}: {why}")
        return current

    def _change(self, verb: str) -> Deletion:
        return _deletion(self._transport, self._transport.call("POST", f"{PATH}/{quoted(self.uid)}/{verb}"))


def plan_deletion(transport: Transport, target: Mapping[str, Any]) -> DeletionPlan:
    """Return what deleting ``target`` would take away."""
    answer = transport.call("POST", f"{PATH}/plan", body=target)
    return DeletionPlan(
        target=answer["target"],
        counts=answer["counts"],
        bytes=answer["bytes"],
        blocked_by=tuple(answer["blocked_by"]),
        people=tuple(answer["people"]),
        needs_confirmation=answer["needs_confirmation"],
    )


def start_deletion(
    transport: Transport, target: Mapping[str, Any], *, confirm: str | None = None, even_running: bool = False
) -> Deletion:
    """Ask for a deletion for good and return it, accepted. ``even_running``: runs that still run go too.

    :raises ConflictError: if a lock or a running run forbids it.
    """
    body = {**target, "mode": "purge", "even_running": even_running, **({"confirm": confirm} if confirm else {})}
    return _deletion(transport, transport.call("POST", PATH, body=body))


def delete(
    transport: Transport,
    target: Mapping[str, Any],
    *,
    confirm: str | None = None,
    even_running: bool,
    no_wait: bool,
    timeout_s: float | None,
    on_progress: Callable[[Deletion], None] | None = None,
) -> Deletion:
    """Delete for good, as ``start_deletion`` and then ``Deletion.wait`` do; ``no_wait``: only the first."""
    started = start_deletion(transport, target, confirm=confirm, even_running=even_running)
    return started if no_wait else started.wait(timeout_s=timeout_s, on_progress=on_progress)


def get_deletion(transport: Transport, uid: str) -> Deletion:
    """Return a deletion. :raises NotFoundError: if there is none."""
    return _deletion(transport, transport.get(f"{PATH}/{quoted(uid)}"))


def list_deletions(transport: Transport) -> Iterator[Deletion]:
    """Yield the deletions that you may see, newest first."""
    return (_deletion(transport, row) for row in list_all(transport, PATH, "deletions"))


def _deletion(transport: Transport, answer: Mapping[str, Any]) -> Deletion:
    return Deletion(
        uid=answer["uid"],
        state=answer["state"],
        mode=answer["mode"],
        target=answer["target"],
        asked_by=answer["asked_by"],
        asked_at=parse_time(answer["asked_at"]),
        due_at=parse_time(answer["due_at"]),
        started_at=parse_time(answer["started_at"]),
        ended_at=parse_time(answer["ended_at"]),
        done=answer["done"],
        total=answer["total"],
        bytes_freed=answer["bytes_freed"],
        error=answer["error"],
        report=answer["report"],
        _transport=transport,
    )
