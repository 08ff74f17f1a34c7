"""Metric points in, what a line chart draws out: every run of one metric on one grid of x."""

import base64
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracking.charts.tails import Drawn, Kept
from tracking.core.errors import InvalidParameterError
from tracking.metrics import smoothing
from tracking.metrics.codec import Points
from tracking.metrics.downsample import Sampled, buckets, buckets_log_x, grid_width, merge_buckets, placed_buckets
from tracking.metrics.grids import Axis, Grid
from tracking.metrics.pyramid import Buckets
from tracking.metrics.types import SeriesRow

Floats = NDArray[np.float64]
Range = tuple[float, float]

# A shared range ends at a multiple of an eighth of a power of two, so that most appended points do not move it.
_RANGE_PARTS = 8
_BITS = {1: np.int8, 8: np.int64}
# A chart of 100 runs has 64 buckets a run, some 350 kB in all; one of 1,000 has 16.
_PIXELS_OF_ALL = 12_800
_LEAST_PIXELS = 32
MOST_WITH_BAND = 20
"""Runs in a chart up to which each has its raw curve and its band: among more, nobody tells them apart."""


class XAxis(StrEnum):
    """What the horizontal axis counts; ``METRIC``: the values of another metric."""

    STEP = "step"
    TIME = "time"
    RELATIVE = "relative"
    METRIC = "metric"


class Smoother(StrEnum):
    """How a curve is smoothed."""

    EMA = "ema"
    GAUSSIAN = "gaussian"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Smoothing:
    """A smoother and how much of it.

    ``amount``: the weight of an EMA, 0 to below 1; the sigma of a Gaussian in typical distances of two points; the
    number of points of a running mean.
    """

    kind: Smoother
    amount: float


@dataclass(frozen=True, slots=True)
class View:
    """How a chart looks at its curves; ``pixels``: the width of its axis; ``x_metric``: for ``XAxis.METRIC``."""

    x: XAxis
    pixels: int
    smoothing: Smoothing | None
    is_log_x: bool
    x_metric: str = ""

    def among(self, runs: int) -> "View":
        """Return the view of a chart of so many runs: a hundred lines do not each show what one alone does."""
        return replace(self, pixels=min(self.pixels, max(_LEAST_PIXELS, _PIXELS_OF_ALL // max(runs, 1))))

    @property
    def is_plain(self) -> bool:
        """Whether summaries over steps show the same as the points."""
        return self.x is XAxis.STEP and self.smoothing is None and not self.is_log_x

    @property
    def takes_summaries(self) -> bool:
        """Whether summaries will do in the place of most points."""
        return self.x is not XAxis.METRIC and self.smoothing is None

    def axis(self, started_ms: int) -> Axis:
        """Return the axis of steps or of times for a run that started then."""
        zero_ms = started_ms if self.x is XAxis.RELATIVE else None
        return Axis(is_time=self.x is not XAxis.STEP, zero_ms=zero_ms, is_log=self.is_log_x)

    def grid(self, chart_range: Range, started_ms: int) -> Grid:
        """Return the buckets that this axis has in a range."""
        low, high = (math.log2(end) for end in chart_range) if self.is_log_x else chart_range
        return Grid(self.axis(started_ms), grid_width((low, high), pixels=self.pixels), chart_range)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The points of one run of a metric, or, where ``View.takes_summaries``, buckets that summarise them: of steps, or
    of ``View.grid`` where that is not plain.

    ``started_ms``: the run's start in milliseconds since 1970. ``x_points``: those of the metric that x counts.
    """

    uid: str
    name: str
    started_ms: int
    summary: SeriesRow
    points: Points | Buckets
    x_points: Points | None = None

    def x(self, axis: XAxis) -> Floats:
        """Return where the points stand: steps, milliseconds since 1970, seconds since the run's start, or values.

        Where x is a metric it is the one this had at the same step, else the latest one before; none: NaN.
        """
        if not isinstance(self.points, Points):
            raise TypeError(f"Run {self.uid} has no points, only buckets")
        match axis:
            case XAxis.STEP:
                return self.points.steps.astype(np.float64)
            case XAxis.TIME:
                return self.points.timestamps_ms.astype(np.float64)
            case XAxis.RELATIVE:
                return (self.points.timestamps_ms - self.started_ms) / 1000
            case XAxis.METRIC:
                return _values_at(self.points.steps, self.x_points or Points.empty())


class Column(msgspec.Struct, omit_defaults=True):
    """A typed array as plotly reads it: little-endian bytes in base64.

    Its numbers are (what is packed + ``offset``) / ``divisor``.
    """

    dtype: str
    bdata: str
    offset: int = 0
    divisor: int = 1

    @classmethod
    def of(cls, values: NDArray[np.generic]) -> "Column":
        """Pack numbers, each exactly, in the narrowest type that has them all."""
        kind = values.dtype
        for narrow in ("<i1", "<i2", "<i4", "<f4"):
            with np.errstate(invalid="ignore", over="ignore"):
                packed = values.astype(narrow)
            if np.array_equal(packed.astype(kind).view(_BITS[kind.itemsize]), values.view(_BITS[kind.itemsize])):
                break
        else:
            packed = values.astype("<f8", copy=False)
        return cls(packed.dtype.str[1:], base64.b64encode(packed.tobytes()).decode())

    @classmethod
    def of_x(cls, x: Floats, view: "View") -> "Column":
        """Pack x the same way; times as whole milliseconds from the first one on, where that has them all exactly."""
        if view.x not in (XAxis.TIME, XAxis.RELATIVE) or not len(x):
            return cls.of(x)
        divisor = 1 if view.x is XAxis.TIME else 1000
        whole = np.rint(x * divisor)
        packed = cls.of(whole - whole[0])
        if packed.dtype.startswith("f") or not np.array_equal(whole / divisor, x):
            return cls.of(x)
        return cls(packed.dtype, packed.bdata, int(whole[0]), divisor)


class Line(msgspec.Struct):
    """Points to join."""

    x: Column
    y: Column


class Band(msgspec.Struct):
    """The least and greatest y from each x to the next one; the last reaches to the curve's end."""

    x: Column
    lo: Column
    hi: Column


class NonFinite(msgspec.Struct):
    """Where values are NaN (kind 0), +inf (1) or -inf (-1); ``total`` counts those that are not listed too."""

    x: Column
    kind: Column
    total: int


class Trace(msgspec.Struct):
    """One run of one metric, ready to be drawn; where something is ``kept``, what comes behind that.

    ``raw`` and ``band`` are of the values as they were logged; ``raw`` is None where nothing was smoothed, ``band``
    where no point was left out, both in a chart of more than ``MOST_WITH_BAND`` runs. ``total`` counts the points in
    the range, ``shown`` those that are here. ``last``, ``low`` and ``high`` are of the whole series; what JSON cannot
    say as a number is a word: NaN, Infinity, -Infinity.
    """

    run: str
    metric: str
    name: str
    kept: Kept | None
    x: Column
    y: Column
    raw: Line | None
    band: Band | None
    nonfinite: NonFinite
    total: int
    shown: int
    is_exact: bool
    last: float | str
    last_step: int
    low: float | str
    high: float | str


def parse_smoothing(text: str) -> Smoothing | None:
    """Return what ``ema:0.6``, ``gaussian:10`` or ``mean:20`` asks for; None for no text and for ``ema:0``.

    :raises InvalidParameterError: if it is none of these.
    """
    if not text:
        return None
    kind, _, amount_text = text.partition(":")
    try:
        found = Smoothing(Smoother(kind), float(amount_text))
    except ValueError:
        raise InvalidParameterError(
            f"smooth: {text[:40]!r} is not a smoothing; use ema:0.6, gaussian:10 or mean:20"
        ) from None
    limits = {Smoother.EMA: (0.0, 0.9999), Smoother.GAUSSIAN: (0.01, 1e6), Smoother.MEAN: (1.0, 1e6)}
    least, most = limits[found.kind]
    if not least <= found.amount <= most:
        raise InvalidParameterError(
            f"smooth: {kind} takes an amount from {least:g} to {most:g}, got {amount_text[:40]}"
        )
    return None if found == Smoothing(Smoother.EMA, 0.0) else found


def shared_range(xs: Iterable[Floats]) -> Range | None:
    """Return one range for all curves of a chart: it holds every finite x and grows in strides, None without any x."""
    finite = (x if is_finite.all() else x[is_finite] for x in xs for is_finite in [np.isfinite(x)])
    bounds = [(float(np.min(x)), float(np.max(x))) for x in finite if len(x)]
    return widen((min(low for low, _ in bounds), max(high for _, high in bounds))) if bounds else None


def step_range(summaries: Sequence[SeriesRow]) -> Range:
    """Return what ``shared_range`` would of all steps of these series, one at least."""
    return widen((float(min(row.first_step for row in summaries)), float(max(row.last_step for row in summaries))))


def widen(bounds: Range) -> Range:
    """Return the range with its end moved up to the next stride of its length; one x alone stays as it is."""
    low, high = bounds
    if not high > low:
        return bounds
    stride = 2.0 ** (math.frexp(high - low)[1] - 1) / _RANGE_PARTS
    return low, low + math.ceil((high - low) / stride) * stride


def drawn_curves(
    *, curves: Sequence[Curve], view: View, chart_range: Range | None, wanted: Collection[str]
) -> Iterator[tuple[Curve, Drawn]]:
    """Yield the curves of the wanted runs with what is drawn of them, in the order given.

    Smoothing comes before sampling. ``chart_range`` sets the grid of x.

    :raises InvalidParameterError: if the range ends before it starts.
    """
    has_raw = len(curves) <= MOST_WITH_BAND
    for curve, x, y in placed_curves(curves, view):
        if curve.uid not in wanted:
            continue
        shown = _sample(curve, x, y, view, chart_range)
        raw = shown if y is None or not has_raw else _sample(curve, x, None, view, chart_range)
        yield curve, Drawn(raw, shown, is_smoothed=y is not None, has_raw=has_raw)


def placed_curves(curves: Sequence[Curve], view: View) -> Iterator[tuple[Curve, Floats, Floats | None]]:
    """Yield each curve with its x and its smoothed y: None where nothing is smoothed; no x where it is of buckets.

    All curves decide one smoothing unit for the chart: the median of their typical distances between points. A curve's
    arrays are made when it is its turn: memory for all of a hundred long ones at once took half of the time.
    """
    unit = 1.0
    if view.smoothing is not None and curves:
        unit = float(np.median([smoothing.median_gap(_x(curve, view)) for curve in curves]))
    for curve in curves:
        x, y = _x(curve, view), None
        if view.smoothing is not None and isinstance(curve.points, Points):
            y = _smooth(x, curve.points.values, view.smoothing, unit)
        yield curve, x, y


def _x(curve: Curve, view: View) -> Floats:
    return curve.x(view.x) if isinstance(curve.points, Points) else np.empty(0)


def _sample(curve: Curve, x: Floats, y: Floats | None, view: View, chart_range: Range | None) -> Sampled:
    if isinstance(curve.points, Points):
        sample: Callable[..., Sampled] = buckets_log_x if view.is_log_x else buckets
        return sample(x, curve.points.values if y is None else y, pixels=view.pixels, x_range=chart_range)
    if chart_range is None:
        raise ValueError("Buckets can only be drawn in a range")
    if view.is_plain:
        return merge_buckets(curve.points, width=grid_width(chart_range, pixels=view.pixels))
    return placed_buckets(curve.points, grid=view.grid(chart_range, curve.started_ms))


def _smooth(x: Floats, y: Floats, how: Smoothing, unit: float) -> Floats:
    match how.kind:
        case Smoother.EMA:
            return smoothing.ema(x, y, how.amount, unit=unit)
        case Smoother.GAUSSIAN:
            return smoothing.gaussian(x, y, how.amount * unit)
        case Smoother.MEAN:
            return smoothing.running_mean(y, int(how.amount))


def trace_of(curve: Curve, metric: str, drawn: Drawn, view: View, *, kept: Kept | None = None) -> Trace:
    """Return a curve ready to be drawn, less what the reader has of it."""
    raw, shown, summary = drawn.raw, drawn.shown, curve.summary
    line, raw_line, band, nonfinite = (0, 0, 0, 0) if kept is None else msgspec.structs.astuple(kept)
    has_line, has_band = drawn.has_raw and drawn.is_smoothed, drawn.has_raw and len(raw.band_x) > 0
    return Trace(
        run=curve.uid,
        metric=metric,
        name=curve.name,
        kept=kept,
        x=Column.of_x(shown.x[line:], view),
        y=Column.of(shown.y[line:]),
        raw=Line(Column.of_x(raw.x[raw_line:], view), Column.of(raw.y[raw_line:])) if has_line else None,
        band=_band(raw, band, view) if has_band else None,
        nonfinite=marks(raw.nonfinite_x[nonfinite:], raw.nonfinite_kind[nonfinite:], raw.nonfinite_total, view),
        total=raw.total,
        shown=len(raw.x) + len(raw.nonfinite_x),
        is_exact=raw.is_exact,
        last=sayable(summary.latest_value),
        last_step=summary.latest_step,
        low=sayable(summary.min_value),
        high=sayable(summary.max_value),
    )


def marks(x: Floats, kind: NDArray[np.int8], total: int, view: View) -> NonFinite:
    """Return where values are that have no place on an axis."""
    return NonFinite(Column.of_x(x, view), Column.of(kind), total)


def _values_at(steps: NDArray[np.int64], points: Points) -> Floats:
    """Return the value that a metric had at each step, or the latest one before; NaN before its first."""
    order = np.argsort(points.steps, kind="stable")  # the points come by timestamp: the last of a step is the latest
    place = np.searchsorted(points.steps[order], steps, side="right") - 1
    values = np.append(points.values[order], np.nan)
    found: Floats = values[place]  # -1 is the one appended
    return found


def _band(sampled: Sampled, start: int, view: View) -> Band:
    return Band(Column.of_x(sampled.band_x[start:], view), Column.of(sampled.lo[start:]), Column.of(sampled.hi[start:]))


def sayable(value: float | None) -> float | str:
    """Return the number, or the word that JavaScript's Number() reads; None is NaN."""
    if value is None or math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
