"""Fewer points with the same picture: every bucket keeps its first, lowest, highest and last point.

Bucket edges are multiples of a power of two, so they do not depend on where the data starts: a point appended at the
end changes the last bucket only, and when the curve outgrows its grid, two neighbours become one bucket.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.core.errors import InvalidParameterError
from tracking.metrics import pyramid
from tracking.metrics.codec import Points
from tracking.metrics.grids import Axis, Floats, Grid, Indices
from tracking.metrics.pyramid import Buckets, starts_of

_MIN_BUCKETS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """What a chart draws of one curve within a range of x.

    ``x``, ``y``: the points kept, all finite, in order of x; ``index``: where they are in the arrays given, empty where
    the points were read as summaries.
    ``band_x``, ``lo``, ``hi``: per bucket, the x of its first finite point and the least and greatest y in it; each
    holds from its x to the next one (drawn as steps, hold then jump); empty where no finite point was left out.
    ``nonfinite_x``, ``nonfinite_kind``: NaN (0), +inf (1) and -inf (-1) in order of x; in a reduced curve the first of
    each kind in each bucket. ``nonfinite_total``: the number of all.
    ``total``: the points in the range; ``unplaced``: the points that no range holds, because the axis has no place for
    their x (not finite; on a logarithmic axis also x <= 0). ``is_exact``: every point of the range is here.
    ``width``: of a bucket, in x (on a logarithmic axis in log2 of x); 0.0 where the points were not put into buckets.
    """

    x: Floats
    y: Floats
    index: Indices
    band_x: Floats
    lo: Floats
    hi: Floats
    nonfinite_x: Floats
    nonfinite_kind: NDArray[np.int8]
    nonfinite_total: int
    total: int
    unplaced: int
    is_exact: bool
    width: float


def buckets(x: Floats, y: Floats, *, pixels: int, x_range: tuple[float, float] | None = None) -> Sampled:
    """Choose the points that draw a curve on a linear axis of the given width.

    There are at most b = max(pixels // 2, 4) buckets, so at most 4 b finite points and 3 b markers are kept. Up to 2 b
    points in the range come back untouched. x may be in any order; points of equal x stay in the order given. Linear in
    the number of points where x ascends.

    :param x_range: both ends included, an infinite end is open. A finite range sets the grid: the same one for all
        curves of a chart, whatever their length. None and open ends take the ends of the data.
    :raises InvalidParameterError: if pixels is below 1 or the range ends before it starts.
    """
    return _sample(x, y, pixels, x_range, lambda places: places)


def buckets_log_x(x: Floats, y: Floats, *, pixels: int, x_range: tuple[float, float] | None = None) -> Sampled:
    """Choose the points that draw a curve on a logarithmic axis: as ``buckets``, of equal width in log2(x).

    The range is in x, not in its logarithm; a start at or below 0 is open.
    """
    if x_range is not None and x_range[0] <= 0:
        x_range = (-math.inf, x_range[1])
    return _sample(x, y, pixels, x_range, np.log2)


def grid_width(x_range: tuple[float, float], *, pixels: int) -> float:
    """Return the width of the buckets that ``buckets`` makes of a finite range on an axis of so many pixels."""
    return _grid_width(*x_range, bucket_count(pixels))


def bucket_count(pixels: int) -> int:
    """Return how many buckets an axis of so many pixels has at most."""
    return max(pixels // 2, _MIN_BUCKETS)


def kinds_of(values: Floats) -> NDArray[np.int8]:
    """Return which of NaN (0), +inf (1) and -inf (-1) each value is; none of them is finite."""
    return np.where(np.isnan(values), 0.0, np.sign(values)).astype(np.int8)


def merge_buckets(found: Buckets, *, width: float) -> Sampled:
    """Choose what ``buckets`` would of the points that are summarised, ``pyramid.level_for(width)``, on such a grid.

    Of points that are alike in step and value, one is kept.
    """
    merged = pyramid.merge([found], by=int(math.log2(width)) - (pyramid.level_for(width) or 0))
    return _sampled(merged, Axis(), width)


def placed_buckets(found: Buckets, *, grid: Grid) -> Sampled:
    """Choose what the buckets of a grid keep, as ``buckets`` does; positions stand in the place of their steps."""
    return _sampled(found, grid.axis, grid.width)


def _sampled(merged: Buckets, axis: Axis, width: float) -> Sampled:
    finite = merged[merged["count"] > 0]
    x = axis.x(np.column_stack([finite[f"{point}_step"] for point in pyramid.POINTS]))
    y = np.column_stack([finite[f"{point}_value"] for point in pyramid.POINTS])
    order = np.argsort(x, axis=1, kind="stable")
    x, y = np.take_along_axis(x, order, 1).ravel(), np.take_along_axis(y, order, 1).ravel()
    is_new = np.append(True, (np.diff(x) != 0) | (np.diff(y) != 0)) if len(x) else np.empty(0, np.bool_)
    x, y = x[is_new], y[is_new]
    marks = [(merged[f"{name}_step"][merged[f"{name}_count"] > 0], kind) for name, kind in pyramid.KINDS.items()]
    marked_x = axis.x(np.concatenate([steps for steps, _ in marks]))
    kinds = np.concatenate([np.full(len(steps), kind, np.int8) for steps, kind in marks])
    by_x = np.argsort(marked_x, kind="stable")
    nonfinite_total = int(sum(merged[f"{name}_count"].sum() for name in pyramid.KINDS))
    total = int(merged["count"].sum()) + nonfinite_total
    return Sampled(
        x=x,
        y=y,
        index=np.empty(0, np.int64),
        band_x=axis.x(finite["first_step"]),
        lo=finite["low_value"].copy(),
        hi=finite["high_value"].copy(),
        nonfinite_x=marked_x[by_x],
        nonfinite_kind=kinds[by_x],
        nonfinite_total=nonfinite_total,
        total=total,
        unplaced=0,
        is_exact=len(x) + len(marked_x) == total,
        width=width,
    )


def interval_history(points: Points, *, max_results: int) -> Indices:
    """Return the indices of at most ``max_results`` points that show a series, in order of step, timestamp, value.

    A bucket is an equal number of neighbours in that order, as in MLflow's get-history-bulk-interval, but it keeps its
    first, lowest, highest and last point (NaN is neither lowest nor highest). Below 4 results there is no bucket: the
    last point of all, then the first, then the lowest.

    :raises InvalidParameterError: if max_results is below 1.
    """
    if max_results < 1:
        raise InvalidParameterError(f"max_results must be at least 1, got {max_results}")
    n = len(points)
    if np.all(points.steps[1:] > points.steps[:-1]):
        order = np.arange(n)
    else:
        order = np.lexsort((points.values, points.timestamps_ms, points.steps))
    if n <= max_results:
        return order
    values = points.values[order]
    is_nan = np.isnan(values)
    low, high = np.where(is_nan, np.inf, values), np.where(is_nan, -np.inf, values)
    if max_results < 4:
        kept = np.unique(np.array([n - 1, 0, np.argmin(low)])[:max_results])
    else:
        parts = max_results // 4
        kept = _extremes(low, high, np.arange(parts) * n // parts)
    chosen: Indices = order[kept]
    return chosen


def _sample(
    x: Floats, y: Floats, pixels: int, x_range: tuple[float, float] | None, scale: Callable[[Floats], Floats]
) -> Sampled:
    if len(x) != len(y):
        raise ValueError(f"{len(x)} x for {len(y)} y")
    if pixels < 1:
        raise InvalidParameterError(f"pixels must be at least 1, got {pixels}")
    start, end = (-math.inf, math.inf) if x_range is None else x_range
    if not start <= end:
        raise InvalidParameterError(f"The range of x must not end before it starts, got {start} to {end}")
    most = bucket_count(pixels)

    with np.errstate(divide="ignore", invalid="ignore"):
        places = scale(x)
    is_placed = np.isfinite(places)
    index = np.flatnonzero(is_placed & (x >= start) & (x <= end))
    sorted_x = x[index]
    if np.any(sorted_x[1:] < sorted_x[:-1]):
        index = index[np.argsort(sorted_x, kind="stable")]
    is_finite = np.isfinite(y[index])
    finite, nonfinite = (index, index[:0]) if is_finite.all() else (index[is_finite], index[~is_finite])
    values = y[finite]
    kind = kinds_of(y[nonfinite])

    kept, marked, starts, width = finite, np.arange(len(nonfinite)), np.empty(0, np.int64), 0.0
    if len(index) > 2 * most:
        low = places[index[0]] if math.isinf(start) else scale(np.array([start]))[0]
        high = places[index[-1]] if math.isinf(end) else scale(np.array([end]))[0]
        width = _grid_width(float(low), float(high), most)
        starts = starts_of(np.floor(places[finite] / width))
        kept = finite[_extremes(values, values, starts)]
        marked = first_of_each(np.floor(places[nonfinite] / width), kind)
    has_band = len(kept) < len(finite)
    return Sampled(
        x=x[kept],
        y=y[kept],
        index=kept,
        band_x=x[finite[starts]] if has_band else np.empty(0),
        lo=np.minimum.reduceat(values, starts) if has_band else np.empty(0),
        hi=np.maximum.reduceat(values, starts) if has_band else np.empty(0),
        nonfinite_x=x[nonfinite[marked]],
        nonfinite_kind=kind[marked],
        nonfinite_total=len(nonfinite),
        total=len(index),
        unplaced=len(x) - int(np.count_nonzero(is_placed)),
        is_exact=len(kept) + len(marked) == len(index),
        width=width,
    )


def _grid_width(low: float, high: float, most: int) -> float:
    """Return the least power of two of which ``low`` to ``high``, ends included, touch at most ``most``."""
    share = high / most - low / most
    # frexp: share = fraction * 2 ** exponent with fraction in [0.5, 1). A width below the spacing of floats at these x
    # tells no more points apart; the clamp keeps it a positive, finite float.
    spacing = math.frexp(max(abs(low), abs(high)))[1] - 53
    exponent = min(max(math.frexp(share)[1] - 1, spacing, -1074), 1023)
    while math.floor(high / 2.0**exponent) - math.floor(low / 2.0**exponent) >= most:
        exponent += 1
    return 2.0**exponent


def _extremes(low: Floats, high: Floats, starts: Indices) -> Indices:
    """Return the ascending, distinct indices of the first, lowest, highest and last point of each bucket.

    Of equal lowest (highest) points it is the first one. ``low`` and ``high`` are the values, without NaN.
    """
    n = len(low)
    if not n:
        return np.empty(0, np.int64)
    is_kept = np.zeros(n, np.bool_)
    sizes = np.diff(starts, append=n)
    is_kept[starts] = True
    is_kept[starts + sizes - 1] = True
    for values, extreme in ((low, np.minimum), (high, np.maximum)):
        hits = np.flatnonzero(values == np.repeat(extreme.reduceat(values, starts), sizes))
        is_kept[hits[starts_of(np.searchsorted(starts, hits, side="right"))]] = True
    return np.flatnonzero(is_kept)


def first_of_each(ids: Floats, kind: NDArray[np.int8]) -> Indices:
    """Return the ascending indices of the first point of each kind in each run of equal ids."""
    firsts = [np.flatnonzero(kind == which) for which in (-1, 0, 1)]
    return np.sort(np.concatenate([of_kind[starts_of(ids[of_kind])] for of_kind in firsts]))
