"""Experiments and runs before they are written: plain values, no database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from tracking.runs.types import DatasetLogged, RunStatus

Floats = npt.NDArray[np.float64]
Steps = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of a run; its points are spread evenly over the run's time."""

    key: str
    steps: Steps
    values: Floats


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """A logged model that a run makes at the end, with the run's last metrics on a dataset.

    It is registered under its name; ``alias`` points to that version then.
    """

    name: str
    alias: str
    description: str
    model_type: str
    step: int
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    dataset: DatasetLogged
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run; one that still runs has lasted ``duration`` so far. ``files``: content by artifact path."""

    name: str
    user_name: str
    started_at: datetime
    duration: timedelta
    status: RunStatus = RunStatus.FINISHED
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    series: tuple[Series, ...] = ()
    datasets: tuple[DatasetLogged, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    model: ModelPlan | None = None
    children: tuple["RunPlan", ...] = ()


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """An experiment with its runs. ``note``: Markdown."""

    name: str
    note: str
    tags: Mapping[str, str]
    created_at: datetime
    runs: tuple[RunPlan, ...]


def final(key: str, value: float) -> Series:
    """Return a metric that is logged once, at step 0."""
    return Series(key, np.zeros(1, dtype=np.int64), np.array([value]))


def last_values(series: tuple[Series, ...], *, prefix: str) -> dict[str, float]:
    """Return the last value of each series whose key starts with ``prefix``."""
    return {one.key: float(one.values[-1]) for one in series if one.key.startswith(prefix)}
