"""Words about logged models, and about registered models and their versions."""

from collections.abc import Iterable
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
class Uses:
    """The newest of the runs that used a logged model, as (id, name), and the number of all."""

    runs: tuple[tuple[str, str], ...]
    run_count: int


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


IS_PROMPT = "mlflow.prompt.is_prompt"
PROMPT_SOURCES = ("dummy-source", "prompt-template")
MAX_REGISTERED_NAME = 256
MAX_REGISTERED_TEXT = 100_000
MAX_SOURCE = 8_000


class Stage(StrEnum):
    """Where a version is in the older way of promoting; MLflow's words."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


ACTIVE_STAGES = (Stage.STAGING, Stage.PRODUCTION)


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that points to one version of a registered model."""

    name: str
    version: int


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of a registered model with what it carries. ``location``: where its files are, by MLflow's address."""

    pk: int
    model_name: str
    version: int
    description: str
    stage: Stage
    source: str
    location: str
    run_uid: str
    run_link: str
    model_uid: str
    user_name: str
    created_at: datetime
    updated_at: datetime
    tags: tuple[Pair, ...]
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegisteredRow:
    """A registered model with its tags and aliases, and the latest version of each stage, the newest first."""

    pk: int
    name: str
    description: str
    user_name: str
    created_at: datetime
    updated_at: datetime
    tags: tuple[Pair, ...]
    aliases: tuple[Alias, ...]
    version_count: int
    latest: tuple[VersionRow, ...]

    @property
    def is_prompt(self) -> bool:
        return makes_prompt(self.tags)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a version is made of: the source as it is kept, the files' address, the run and logged model ("": none)."""

    source: str
    location: str
    run_uid: str
    model_uid: str


def makes_prompt(tags: Iterable[Pair]) -> bool:
    """Tell whether tags say that what carries them is a prompt."""
    return any(tag.key == IS_PROMPT and tag.value.lower() == "true" for tag in tags)
