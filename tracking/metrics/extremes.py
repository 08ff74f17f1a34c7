"""At which step a metric was lowest and highest."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tracking.metrics.codec import Points
from tracking.metrics.pyramid import Buckets
from tracking.metrics.queries import read_curves, read_series
from tracking.metrics.types import SeriesRow
from tracking.runs.models import Run

MAX_POINTS = 200_000  # read at once; of longer series the summaries are read, of a few
MAX_LONG = 12
WIDE = 2.0**14  # steps: the widest summaries


@dataclass(frozen=True, slots=True)
class Extremes:
    """The first step at which a metric was lowest, and at which it was highest; ``curve``: what was read for it."""

    low_step: int
    high_step: int
    curve: Points | Buckets = field(compare=False, repr=False)


def extremes_of(*, run: Run, series: Sequence[SeriesRow]) -> dict[str, Extremes]:
    """Return where the finite extremes of a run's metrics are; of too many points, for the shortest series only.

    Three queries, and five for each of at most ``MAX_LONG`` series that are long. Reads at most ``MAX_POINTS`` points
    and the summaries of the rest.
    """
    finite = [row for row in series if row.min_value is not None]
    ordered = sorted(finite, key=lambda row: row.received)
    totals = itertools.accumulate(row.received for row in ordered)
    short = [row for row, total in zip(ordered, totals, strict=True) if total <= MAX_POINTS]
    found: dict[str, Points | Buckets] = {}
    if short:
        read = read_series(runs=[run], keys=[row.key for row in short])
        found |= {key: points for (_, key), points in read.items()}
    for row in ordered[len(short) :][:MAX_LONG]:
        curves = read_curves(runs=[run], key=row.key, steps=(row.first_step, row.last_step), width=WIDE)
        for curve in curves.values():
            found[row.key] = curve
    return {key: extremes for key, curve in found.items() if (extremes := _extremes(curve)) is not None}


def _extremes(found: Points | Buckets) -> Extremes | None:
    if isinstance(found, Points):
        finite = np.flatnonzero(np.isfinite(found.values))
        order = finite[np.argsort(found.steps[finite], kind="stable")]
        low_steps = high_steps = found.steps[order]
        lows = highs = found.values[order]
    else:
        full = found[found["count"] > 0]
        low_steps, high_steps = full["low_step"], full["high_step"]
        lows, highs = full["low_value"], full["high_value"]
    if not len(lows):
        return None
    return Extremes(int(low_steps[np.argmin(lows)]), int(high_steps[np.argmax(highs)]), found)
