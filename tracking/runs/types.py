"""Words about experiments and runs, and MLflow's limits on them."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

import msgspec

MAX_EXPERIMENT_NAME = 500
MAX_RUN_NAME = 500
MAX_KEY = 250
MAX_PARAM_VALUE = 6_000
MAX_RUN_TAG_VALUE = 8_000
MAX_EXPERIMENT_TAG_VALUE = 20_000
RUN_NAME_TAG = "mlflow.runName"
PARENT_RUN_TAG = "mlflow.parentRunId"
NOTE_TAG = "mlflow.note.content"
DEFAULT_EXPERIMENT_NAME = "Default"
DEFAULT_EXPERIMENT_ALIAS = "0"
CONTEXT_TAG = "mlflow.data.context"


class RunStatus(StrEnum):
    """Where a run is in its life; MLflow's words."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @property
    def is_final(self) -> bool:
        return self in FINAL_STATUSES


FINAL_STATUSES = (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)


class KeyKind(IntEnum):
    """What an interned key names."""

    PARAM = 1
    TAG = 2
    METRIC = 3


class Lifecycle(StrEnum):
    """Which objects a listing shows; MLflow's ViewType."""

    ACTIVE = "ACTIVE_ONLY"
    DELETED = "DELETED_ONLY"
    ALL = "ALL"


class RunIdentity(Protocol):
    """What of a run never changes: enough to log to it."""

    @property
    def pk(self) -> int: ...
    @property
    def uid(self) -> str: ...
    @property
    def experiment_id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class RunRef:
    """A ``RunIdentity``, remembered."""

    pk: int
    uid: str
    experiment_id: int


class RunHead(msgspec.Struct, frozen=True, gc=False):  # a thousand a page: ten times cheaper to make than a model
    """What a run is, without what it carries."""

    pk: int
    uid: str
    experiment_id: int
    name: str
    user_name: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunDocumentMade:
    """A run's document, and the version of the run that it was made of, or of a later one."""

    run_id: int
    version: int
    body: str


@dataclass(frozen=True, slots=True)
class Hold:
    """How a run or an experiment stands. ``deletion_uid``: what removes it, or what it is in, for good; "": nothing."""

    is_active: bool
    deletion_uid: str
    has_ended: bool


class ExperimentIdentity(Protocol):
    """What changes inside an experiment need of it; its row has it, and ``ExperimentRef``."""

    @property
    def pk(self) -> int: ...
    @property
    def workspace(self) -> "Workspace": ...


@dataclass(frozen=True, slots=True)
class ExperimentRef:
    """An ``ExperimentIdentity``: its number, remembered, and the workspace as the asker has just seen it."""

    pk: int
    workspace: "Workspace"


class Pair(msgspec.Struct, frozen=True, gc=False):  # tens of thousands a page
    """A key and its value: of a param or a tag."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class DatasetLogged:
    """A dataset as a run names it. ``source``, ``schema`` and ``profile`` are texts that the client made."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str
    tags: tuple[Pair, ...]

    @property
    def context(self) -> str:
        return next((tag.value for tag in self.tags if tag.key == CONTEXT_TAG), "")


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run with what it carries, ready to be shown; params and tags by key."""

    pk: int
    uid: str
    experiment_id: int
    name: str
    user_name: str
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None
    is_deleted: bool
    params: tuple[Pair, ...]
    tags: tuple[Pair, ...]
    datasets: tuple[DatasetLogged, ...]

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end; None while it runs."""
        return None if self.ended_at is None else (self.ended_at - self.started_at).total_seconds()


class ExperimentRow(msgspec.Struct, frozen=True, gc=False):  # hundreds a page
    """An experiment with its tags, ready to be shown."""

    pk: int
    name: str
    created_at: datetime
    updated_at: datetime
    is_deleted: bool
    is_default: bool
    tags: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class ExperimentSummary:
    """An experiment with who created it ("": nobody noted it) and counts of its active runs."""

    row: ExperimentRow
    user_name: str
    run_count: int
    running_count: int
    last_run_at: datetime | None
