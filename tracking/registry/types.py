"""Words about logged models."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tracking.runs.types import Pair

MODEL_NAME_FORBIDDEN = "/:.%\"'"


class LoggedModelStatus(StrEnum):
    """Where a logged model is in its life; MLflow's words."""

    PENDING = "LOGGED_MODEL_PENDING"
    READY = "LOGGED_MODEL_READY"
    UPLOAD_FAILED = "LOGGED_MODEL_UPLOAD_FAILED"


@dataclass(frozen=True, slots=True)
class ModelMetric:
    """A metric of a logged model, perhaps on a dataset ("" when on none)."""

    key: str
    value: float
    timestamp_ms: int
    step: int
    run_uid: str
    dataset_name: str
    dataset_digest: str


@dataclass(frozen=True, slots=True)
class LoggedModelRow:
    """A logged model with what it carries, ready to be shown."""

    pk: int
    uid: str
    experiment_id: int
    name: str
    model_type: str
    source_run_uid: str
    status: LoggedModelStatus
    created_at: datetime
    updated_at: datetime
    params: tuple[Pair, ...]
    tags: tuple[Pair, ...]
    metrics: tuple[ModelMetric, ...]


@dataclass(frozen=True, slots=True)
class ModelLinks:
    """Logged models that a run used, and those that it made with the step they were made at."""

    inputs: tuple[str, ...]
    outputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DatasetNamed:
    """A dataset by its name and, unless "", its digest."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """One sort key of a search of logged models; a metric may be narrowed to a dataset ("" when to none)."""

    field_name: str
    is_ascending: bool
    dataset: DatasetNamed
