"""Runs that belong together as one line with a band: their metric on one grid of x, and what it is on average there.

Every run first becomes one value a bucket, the mean of its points there; a bucket that it skips gets what lies on the
line between its neighbours. Where all runs together have few x, each x is a bucket of its own. A run counts between its
first and its last point only.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracking.charts.series import Column, Curve, Floats, NonFinite, Range, View, marks, placed_curves
from tracking.core.errors import InvalidParameterError
from tracking.metrics import pyramid
from tracking.metrics.codec import Points
from tracking.metrics.downsample import bucket_count, first_of_each, grid_width, kinds_of
from tracking.metrics.grids import Axis, Indices
from tracking.metrics.pyramid import Buckets, starts_of
from tracking.runs.types import KeyKind


class Average(StrEnum):
    """What the line of a group is."""

    MEAN = "mean"
    MEDIAN = "median"


class Spread(StrEnum):
    """What the band of a group is: around its line, or from the least to the greatest point."""

    STD = "std"
    STDERR = "stderr"
    CI95 = "ci95"
    MINMAX = "minmax"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which runs belong together: those of equal param or tag ``key``; ``kind`` None: all of them."""

    kind: KeyKind | None
    key: str
    average: Average
    spread: Spread


class GroupTrace(msgspec.Struct):
    """One group of runs of one metric, ready to be drawn.

    ``group``: what its runs have in common, None: they lack the param or tag. ``runs``: those that have the metric.
    ``n``: how many of them each ``y`` is made of. ``lo`` and ``hi`` stand at ``x`` too, None without a band.
    """

    group: str | None
    runs: list[str]
    metric: str
    x: Column
    y: Column
    lo: Column | None
    hi: Column | None
    n: Column
    nonfinite: NonFinite
    total: int


@dataclass(frozen=True, slots=True, eq=False)
class _Reduced:
    """A run's points in a range, one a bucket: where it stands, the mean, the least and the greatest of its points."""

    places: Floats
    mean: Floats
    low: Floats
    high: Floats
    marked_x: Floats
    kinds: NDArray[np.int8]
    marked: int
    total: int


def parse_grouping(group: str, average: str, spread: str) -> Grouping | None:
    """Return what ``all``, ``params.lr`` or ``tags.model`` asks for, None for no text.

    :raises InvalidParameterError: if it is none of these, or there is no such average or spread.
    """
    if not group:
        return None
    kind, _, key = group.partition(".")
    kinds = {"params": KeyKind.PARAM, "tags": KeyKind.TAG}
    if group != "all" and not (kind in kinds and key):
        raise InvalidParameterError(f"group: {group[:40]!r} is not a grouping; use all, params.KEY or tags.KEY")
    if average not in list(Average):
        raise InvalidParameterError(f"average: {average[:40]!r} is not one of {', '.join(Average)}")
    if spread not in list(Spread):
        raise InvalidParameterError(f"spread: {spread[:40]!r} is not one of {', '.join(Spread)}")
    return Grouping(kinds.get(kind), key, Average(average), Spread(spread))


def group_traces(
    *,
    metric: str,
    curves: Sequence[Curve],
    group_by_uid: Mapping[str, str],
    grouping: Grouping,
    view: View,
    chart_range: Range | None,
    wanted: Collection[str],
) -> list[GroupTrace]:
    """Return the groups that have a wanted run: numbers ascending, then texts, then the runs without a value."""
    if chart_range is None:
        return []
    members: dict[str | None, list[tuple[Curve, Floats, Floats | None]]] = {}
    placed = list(placed_curves(curves, view))
    for member in placed:
        members.setdefault(group_by_uid.get(member[0].uid), []).append(member)
    grid = _Grid.of(placed, view, chart_range)
    return [
        _group_trace(metric, group, [grid.reduce(*member) for member in found], found, grid, grouping)
        for group, found in sorted(members.items(), key=lambda item: _rank(item[0]))
        if any(curve.uid in wanted for curve, _, _ in found)
    ]


def _rank(group: str | None) -> tuple[int, float, str]:
    if group is None:
        return 2, 0.0, ""
    try:
        number = float(group)
    except ValueError:
        number = math.nan
    return (1, 0.0, group) if math.isnan(number) else (0, number, group)


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Where the runs of a chart meet: bucket numbers, or, where ``width`` is 0, every x there is.

    ``places``: ascending; ``x``: the same on the axis.
    """

    places: Floats
    x: Floats
    width: float
    range: Range
    view: View

    @classmethod
    def of(cls, placed: Sequence[tuple[Curve, Floats, Floats | None]], view: View, chart_range: Range) -> "_Grid":
        low, high = chart_range
        if all(isinstance(curve.points, Points) for curve, _, _ in placed):
            parts = [
                x[_is_within(x, chart_range, view.is_log_x) & np.isfinite(_values(curve, y))] for curve, x, y in placed
            ]
            xs = np.unique(np.concatenate([np.empty(0), *parts]))
            if len(xs) <= 2 * bucket_count(view.pixels):
                return cls(xs, xs, 0.0, chart_range, view)
        if view.is_log_x:
            low, high = float(np.log2(low)), float(np.log2(high))
        width = grid_width((low, high), pixels=view.pixels)
        places = np.arange(math.floor(low / width), math.floor(high / width) + 1, dtype=np.float64)
        x = np.clip((places + 0.5) * width, low, high)
        return cls(places, np.exp2(x) if view.is_log_x else x, width, chart_range, view)

    def reduce(self, curve: Curve, x: Floats, y: Floats | None) -> _Reduced:
        """Put a run on the grid: its points, smoothed or as logged, or the buckets that summarise them."""
        if not isinstance(curve.points, Points):
            return self._reduce_buckets(curve.points, self.view.axis(curve.started_ms))
        values = _values(curve, y)
        index = np.flatnonzero(_is_within(x, self.range, self.view.is_log_x))
        index = index[np.argsort(x[index], kind="stable")]
        is_finite = np.isfinite(values[index])
        finite, nonfinite = index[is_finite], index[~is_finite]
        kinds = kinds_of(values[nonfinite])
        marked = first_of_each(self._places(x[nonfinite]), kinds)
        places = self._places(x[finite])
        starts = starts_of(places) if len(places) else np.empty(0, np.int64)
        sizes = np.diff(starts, append=len(places))
        return _Reduced(
            places[starts],
            np.add.reduceat(values[finite] / np.repeat(sizes, sizes), starts) if len(starts) else np.empty(0),
            np.minimum.reduceat(values[finite], starts) if len(starts) else np.empty(0),
            np.maximum.reduceat(values[finite], starts) if len(starts) else np.empty(0),
            x[nonfinite[marked]],
            kinds[marked],
            len(nonfinite),
            len(index),
        )

    def _places(self, x: Floats) -> Floats:
        if not self.width:
            return x
        places: Floats = np.floor((np.log2(x) if self.view.is_log_x else x) / self.width)
        return places

    def _reduce_buckets(self, found: Buckets, axis: Axis) -> _Reduced:
        by = int(math.log2(self.width)) - (pyramid.level_for(self.width) or 0) if self.view.is_plain else 0
        merged = pyramid.merge([found], by=by) if by else found
        finite = merged[merged["count"] > 0]
        low, high = finite["low_value"], finite["high_value"]
        having = [(merged[f"{name}_step"][merged[f"{name}_count"] > 0], kind) for name, kind in pyramid.KINDS.items()]
        marked = int(sum(merged[f"{name}_count"].sum() for name in pyramid.KINDS))
        return _Reduced(
            finite["number"].astype(np.float64),
            np.clip(np.nan_to_num(finite["sum"] / finite["count"]), low, high),
            low,
            high,
            axis.x(np.concatenate([positions for positions, _ in having])),
            np.concatenate([np.full(len(steps), kind, np.int8) for steps, kind in having]),
            marked,
            int(merged["count"].sum()) + marked,
        )


def _group_trace(
    metric: str,
    group: str | None,
    reduced: Sequence[_Reduced],
    members: Sequence[tuple[Curve, Floats, Floats | None]],
    grid: _Grid,
    grouping: Grouping,
) -> GroupTrace:
    rows = np.stack([_on_grid(one.places, one.mean, grid.places) for one in reduced])
    n = np.count_nonzero(~np.isnan(rows), axis=0)
    has_any = n > 0
    rows, n = rows[:, has_any], n[has_any]
    y = np.nanmedian(rows, axis=0) if grouping.average is Average.MEDIAN else _mean(rows, n)
    if grouping.spread is Spread.MINMAX:
        lo = np.nanmin([_on_grid(one.places, one.low, grid.places)[has_any] for one in reduced], axis=0)
        hi = np.nanmax([_on_grid(one.places, one.high, grid.places)[has_any] for one in reduced], axis=0)
    else:
        half = _half_band(rows, n, grouping.spread)
        lo, hi = y - half, y + half
    marked_x = np.concatenate([one.marked_x for one in reduced])
    by_x = np.argsort(marked_x, kind="stable")
    has_band = grouping.spread is not Spread.NONE
    return GroupTrace(
        group=group,
        runs=[curve.uid for curve, _, _ in members],
        metric=metric,
        x=Column.of(grid.x[has_any]),
        y=Column.of(y),
        lo=Column.of(lo) if has_band else None,
        hi=Column.of(hi) if has_band else None,
        n=Column.of(n),
        nonfinite=marks(
            marked_x[by_x],
            np.concatenate([one.kinds for one in reduced])[by_x],
            sum(one.marked for one in reduced),
            grid.view,
        ),
        total=sum(one.total for one in reduced),
    )


def _on_grid(places: Floats, values: Floats, grid: Floats) -> Floats:
    if not len(places):
        return np.full(len(grid), np.nan)
    found: Floats = np.interp(grid, places, values, left=np.nan, right=np.nan)
    return found


def _mean(rows: Floats, n: Indices) -> Floats:
    means: Floats = np.nansum(rows / n, axis=0)
    return means


def _half_band(rows: Floats, n: Indices, spread: Spread) -> Floats:
    """Return how far the band reaches from the line: 0 where one run is alone."""
    if spread is Spread.NONE or not rows.size:
        return np.zeros(rows.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.nansum((rows - _mean(rows, n)) ** 2, axis=0)
        deviation: Floats = np.sqrt(squares / np.maximum(n - 1, 1))
    if spread is Spread.STDERR:
        return deviation / np.sqrt(n)
    if spread is Spread.CI95:
        factors = np.array([0.0, 0.0, *(students_t95(df) for df in range(1, int(n.max())))])
        return factors[n] * deviation / np.sqrt(n)
    return deviation


@lru_cache(maxsize=1024)
def students_t95(df: int) -> float:
    """Return what a t-distributed number stays within with a probability of 95 %: 12.706 for one degree of freedom.

    Solves the closed form for whole degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4) by halving.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if _within_angle(middle, df) < 0.95:
            low = middle
        else:
            high = middle
    return math.sqrt(df) * math.tan(low)


def _within_angle(theta: float, df: int) -> float:
    """Return the probability that |t| is below sqrt(df) * tan(theta)."""
    cosine, total, term = math.cos(theta), 0.0, 1.0
    is_odd = df % 2 == 1
    term = cosine if is_odd else 1.0
    for k in range(1 + is_odd, df, 2):
        total += term
        term *= cosine * cosine * k / (k + 1)
    if is_odd:
        return 2 / math.pi * (theta + math.sin(theta) * total)
    return math.sin(theta) * total


def _is_within(x: Floats, chart_range: Range, is_log: bool) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        found = np.isfinite(x) & (x >= chart_range[0]) & (x <= chart_range[1])
    return found & (x > 0) if is_log else found


def _values(curve: Curve, smoothed: Floats | None) -> Floats:
    if smoothed is not None:
        return smoothed
    return curve.points.values if isinstance(curve.points, Points) else np.empty(0)
