"""What moves between servers: experiments, runs, models and files, as a source tells them."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Union

from mlportal._mlflow import Point

PACKED = struct.Struct(">qqd")
NAN = float("nan")  # one of many; JSON knows no others
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class SourceExperiment:
    """An experiment of a source."""

    experiment_id: str
    name: str
    is_deleted: bool
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """A dataset that a run used."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceRun:
    """A run of a source. Times are epoch milliseconds; ``fingerprint`` changes when something is logged."""

    run_id: str
    experiment_id: str
    name: str
    user: str
    status: str
    is_deleted: bool
    start_ms: int | None
    end_ms: int | None
    artifact_uri: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metric_keys: tuple[str, ...]
    datasets: tuple[Dataset, ...]
    model_inputs: tuple[str, ...]
    model_outputs: tuple[tuple[str, int], ...]
    fingerprint: str


@dataclass(frozen=True)
class ModelMetric:
    """A point that says something about a logged model."""

    point: Point
    run_id: str
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True)
class SourceModel:
    """A logged model of a source."""

    model_id: str
    experiment_id: str
    name: str
    model_type: str
    status: str
    source_run_id: str
    artifact_uri: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: tuple[ModelMetric, ...]
    fingerprint: str = ""


@dataclass(frozen=True)
class SourceVersion:
    """A version of a registered model of a source. ``stage``: None (the word), Staging, Production or Archived."""

    name: str
    version: int
    description: str
    stage: str
    source: str
    run_id: str
    run_link: str
    model_id: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class SourceRegistered:
    """A registered model of a source with its versions, the oldest first. ``aliases``: name -> version."""

    name: str
    description: str
    tags: Mapping[str, str]
    aliases: Mapping[str, int]
    versions: tuple[SourceVersion, ...]


Owner = Union[SourceRun, SourceModel]
Problems = dict[str, list[str]]


@dataclass(frozen=True)
class SourceFile:
    """A file of a run or a model. ``path``: from its root; ``sha256``: None where the source does not know it."""

    path: str
    size_bytes: int | None
    sha256: str | None = None


class Source(Protocol):
    """Where an import comes from.

    ``problems``: what could not be read so far, a line each, by the id of the run or model it is about, or by "".
    """

    name: str
    problems: Problems

    def experiments(self) -> Iterator[SourceExperiment]:
        """Yield every experiment, deleted ones too."""

    def runs(self, experiment: SourceExperiment) -> Iterator[SourceRun]:
        """Yield every run of an experiment, deleted ones too."""

    def models(self, experiment: SourceExperiment) -> Iterator[SourceModel]:
        """Yield the logged models of an experiment."""

    def points(self, run: SourceRun, key: str) -> list[Point]:
        """Return every point of a metric."""

    def files(self, owner: Owner) -> Iterator[SourceFile]:
        """Yield every file of a run or a model."""

    def fetch(self, owner: Owner, file: SourceFile) -> AbstractContextManager[Path]:
        """Give a local file with the content of ``file``, as long as the block lasts."""

    def registered(self) -> Iterator[SourceRegistered]:
        """Yield every registered model, prompts too; none where there is no registry."""


def pack(point: Point) -> bytes:
    """Return a point as 24 bytes that sort by step, then time; infinities and the largest doubles are the same."""
    value = point.value
    if math.isnan(value):
        value = NAN
    elif math.isinf(value):
        value = math.copysign(math.inf, value)
    return PACKED.pack(point.step, point.timestamp_ms, value)


def checksum(packed: Iterable[bytes]) -> str:
    """Return the SHA-256 of distinct points in their order."""
    found = hashlib.sha256()
    for one in sorted(packed):
        found.update(one)
    return found.hexdigest()


def file_checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            found.update(chunk)
    return found.hexdigest()
