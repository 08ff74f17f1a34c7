"""Words about deletions: what is to go, how far it is, what it took."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

MAX_RUNS_NAMED = 1_000
MAX_FAILURES = 5


class Kind(StrEnum):
    """What a deletion is about. ``runs``: all that match a filter; ``orphans``: files without rows and the reverse."""

    GROUP = "group"
    WORKSPACE = "workspace"
    EXPERIMENT = "experiment"
    RUN = "run"
    RUNS = "runs"
    METRIC = "metric"
    ARTIFACT = "artifact"
    ORPHANS = "orphans"


class Mode(StrEnum):
    """``trash``: can be restored for a while. ``purge``: gone for good. ``look``: count, remove nothing."""

    TRASH = "trash"
    PURGE = "purge"
    LOOK = "look"


class State(StrEnum):
    """How far a deletion is. ``cancelled``: given up before its end; what was left then is alive."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"
    CANCELLED = "cancelled"


OPEN_STATES = (State.ACCEPTED, State.RUNNING, State.PAUSED, State.FAILED)
DUE_STATES = (State.ACCEPTED, State.RUNNING)
NAMED_KINDS = (Kind.GROUP, Kind.WORKSPACE)  # their exact name confirms
TRASHABLE = (Kind.GROUP, Kind.WORKSPACE, Kind.EXPERIMENT, Kind.RUN, Kind.RUNS)
# A run that loses a part of itself is closed to writers meanwhile, and open again afterwards.
PARTIAL_KINDS = (Kind.METRIC, Kind.ARTIFACT)


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be deleted; which fields are set follows from the kind. Names are the ids of groups and workspaces.

    ``runs`` means the active runs of some experiments that match a filter; with ``trashed_before`` (a moment, ISO 8601)
    those of the whole workspace that lie in the trash since then.
    """

    kind: Kind
    group: str = ""
    workspace: str = ""
    experiment_id: str = ""
    run_ids: tuple[str, ...] = ()
    experiment_ids: tuple[str, ...] = ()
    filter: str = ""
    trashed_before: str = ""
    run_id: str = ""
    key: str = ""
    path: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the fields of this kind, as the API shows them."""
        fields = asdict(self)
        shown = {name: _plain(fields[name]) for name in FIELDS_BY_KIND[self.kind]}
        if self.trashed_before:
            shown["trashed_before"] = self.trashed_before
        return {"kind": str(self.kind), **shown}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Return the target that ``as_json`` showed."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if k != "kind"}
        return cls(Kind(given["kind"]), **fields)

    @property
    def name(self) -> str:
        """What a person must type to confirm."""
        return self.group if self.kind is Kind.GROUP else self.workspace


FIELDS_BY_KIND = {
    Kind.GROUP: ("group",),
    Kind.WORKSPACE: ("workspace",),
    Kind.EXPERIMENT: ("workspace", "experiment_id"),
    Kind.RUN: ("workspace", "run_ids"),
    Kind.RUNS: ("workspace", "experiment_ids", "filter"),
    Kind.METRIC: ("workspace", "run_id", "key"),
    Kind.ARTIFACT: ("workspace", "run_id", "path"),
    Kind.ORPHANS: (),
}


@dataclass(frozen=True, slots=True)
class Block:
    """Why something cannot be deleted now: a lock, a run that runs, another deletion. ``where``: a name."""

    kind: str
    name: str
    where: str


@dataclass(frozen=True, slots=True)
class Loser:
    """A person who loses access, and as what."""

    username: str
    role: str
    where: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deletion would do. ``is_exact`` False: there are more files than were looked at.

    ``is_in_trash``: all of it lies in MLflow's trash already, so that only its purge is left to ask for.
    """

    target: Target
    counts: Counter[str]
    artifact_bytes: int
    metric_bytes: int
    is_exact: bool
    blocks: tuple[Block, ...]
    people: tuple[Loser, ...]
    is_in_trash: bool

    @property
    def needs_confirmation(self) -> str | None:
        return self.target.name if self.target.kind in NAMED_KINDS else None

    @property
    def hard_blocks(self) -> tuple[Block, ...]:
        """Those that no choice of the asker removes."""
        return tuple(block for block in self.blocks if block.kind != RUNNING_RUN)


LOCK, RUNNING_RUN = "lock", "running_run"


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long what is deleted can be restored; None: it is not kept at all (workspaces, groups) or for ever."""

    runs: timedelta | None
    workspaces: timedelta | None
    groups: timedelta | None


@dataclass(frozen=True, slots=True)
class DeletionRow:
    """A deletion, ready to be shown. ``target_name``: what the one experiment or run was called, "" for all else."""

    uid: str
    target: dict[str, object]
    target_name: str
    kind: Kind
    mode: Mode
    state: State
    asked_by: str
    asked_at: datetime
    due_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    done: Counter[str]
    total: Counter[str]
    bytes_freed: int
    error: str
    report: dict[str, object] | None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_in_trash(self) -> bool:
        """Whether it waits to be restored or for its day to come."""
        return self.state is State.ACCEPTED and self.started_at is None and self.due_at > self.asked_at


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
