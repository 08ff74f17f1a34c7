"""Where a metric began, and at which step it was lowest and highest."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracking.metrics.codec import Points
from tracking.metrics.pyramid import KINDS, Buckets
from tracking.metrics.queries import read_outlines
from tracking.metrics.types import SeriesRow
from tracking.runs.models import Run

VALUES = {"below": -math.inf, "nan": math.nan, "above": math.inf}
"""What ``pyramid.KINDS`` stand for."""


@dataclass(frozen=True, slots=True)
class Extremes:
    """The first value of a metric, the first step at which it was lowest, and at which it was highest.

    The steps are None where no value is finite. ``curve``: what was read for it.
    """

    first_value: float
    low_step: int | None
    high_step: int | None
    curve: Points | Buckets = field(compare=False, repr=False)


def extremes_of(*, run: Run, series: Sequence[SeriesRow]) -> dict[str, Extremes]:
    """Return the extremes of a run's metrics by key. Seven queries; costs what ``read_outlines`` costs."""
    found = read_outlines(run=run, series=series)
    return {
        key: _of_points(curve) if isinstance(curve, Points) else _of_buckets(curve)
        for key, curve in found.items()
        if len(curve)
    }


def _of_points(points: Points) -> Extremes:
    finite = np.flatnonzero(np.isfinite(points.values))
    steps, values = points.steps[finite], points.values[finite]
    return Extremes(
        float(points.values[0]), _step_at(values, np.argmin, steps), _step_at(values, np.argmax, steps), points
    )


def _of_buckets(buckets: Buckets) -> Extremes:
    full = buckets[buckets["count"] > 0]
    low = _step_at(full["low_value"], np.argmin, full["low_step"])
    high = _step_at(full["high_value"], np.argmax, full["high_step"])
    return Extremes(_first_value(buckets[0]), low, high, buckets)


def _step_at(
    values: NDArray[np.float64], place_of: Callable[[NDArray[np.float64]], np.intp], steps: NDArray[np.int64]
) -> int | None:
    """Return the step of the value that ``place_of`` picks; None where there is none."""
    return int(steps[place_of(values)]) if len(values) else None


def _first_value(bucket: np.void) -> float:
    """Return the value of the first point of a bucket; of those at one step the finite one."""
    firsts = [(int(bucket["first_step"]), float(bucket["first_value"]))] if bucket["count"] else []
    firsts += [(int(bucket[f"{kind}_step"]), VALUES[kind]) for kind in KINDS if bucket[f"{kind}_count"]]
    return min(firsts, key=lambda first: first[0])[1]
