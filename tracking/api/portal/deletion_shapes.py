"""What the routes of deletions answer with."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tracking.cleanup.queries import counts_of
from tracking.cleanup.types import DeletionRow, Plan


class Blocker(msgspec.Struct):
    """What is in the way of a deletion: a lock, a run that still runs."""

    kind: str
    name: str
    where: str


class Loser(msgspec.Struct):
    """A person who loses access, with the role and where it was given."""

    username: str
    role: str
    where: str


class PlanBytes(msgspec.Struct):
    """What goes, in bytes."""

    artifacts: int
    metrics: int


class DeletionPlan(msgspec.Struct):
    """What a deletion would do. ``is_exact`` false: there are more files than were counted."""

    target: Mapping[str, Any]
    counts: Mapping[str, int]
    bytes: PlanBytes
    is_exact: bool
    blocked_by: Sequence[Blocker]
    people: Sequence[Loser]
    needs_confirmation: str | None


class Deletion(msgspec.Struct):
    """A deletion: what was asked, by whom, how far it is, and in the end the report."""

    uid: str
    target: Mapping[str, Any]
    mode: str
    state: str
    asked_by: str
    asked_at: datetime
    due_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    done: Mapping[str, int]
    total: Mapping[str, int]
    bytes_freed: int
    error: str | None
    report: Mapping[str, Any] | None


class Deletions(msgspec.Struct):
    """A page of deletions."""

    deletions: Sequence[Deletion]
    next_page_token: str | None


def plan(found: Plan) -> DeletionPlan:
    """Return a plan."""
    return DeletionPlan(
        target=found.target.as_json(),
        counts=found.counts,
        bytes=PlanBytes(artifacts=found.artifact_bytes, metrics=found.metric_bytes),
        is_exact=found.is_exact,
        blocked_by=[Blocker(kind=one.kind, name=one.name, where=one.where) for one in found.blocks],
        people=[Loser(username=one.username, role=one.role, where=one.where) for one in found.people],
        needs_confirmation=found.needs_confirmation,
    )


def deletion(row: DeletionRow) -> Deletion:
    """Return a deletion."""
    return Deletion(
        uid=row.uid,
        target=row.target,
        mode=row.mode,
        state=row.state,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        due_at=row.due_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        done=counts_of(row.done),
        total=counts_of(row.total),
        bytes_freed=row.bytes_freed,
        error=row.error or None,
        report=row.report,
    )
