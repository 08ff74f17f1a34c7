"""Metric points in, what a line chart draws out: every run of one metric on one grid of x."""

import base64
import math
import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracking.core.errors import InvalidParameterError
from tracking.metrics import smoothing
from tracking.metrics.codec import Points
from tracking.metrics.downsample import Sampled, buckets, buckets_log_x, grid_width, merge_buckets
from tracking.metrics.pyramid import Buckets
from tracking.metrics.types import SeriesRow

Floats = NDArray[np.float64]
Range = tuple[float, float]

# A shared range ends at a multiple of an eighth of a power of two, so that most appended points do not move it.
_RANGE_PARTS = 8
_WORD = 0xFFFFFFFF


class XAxis(StrEnum):
    """What the horizontal axis counts."""

    STEP = "step"
    TIME = "time"
    RELATIVE = "relative"


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
    """How a chart looks at its curves; ``pixels``: the width of its axis."""

    x: XAxis
    pixels: int
    smoothing: Smoothing | None
    is_log_x: bool

    @property
    def is_plain(self) -> bool:
        """Whether summaries over steps show the same as the points."""
        return self.x is XAxis.STEP and self.smoothing is None and not self.is_log_x


@dataclass(frozen=True, slots=True)
class State:
    """What a chart was made from: its grid, and the points received of each run, in the order of the runs.

    A reader sends back the state it has and is answered with what differs. Counts are kept modulo 2^32.
    """

    grid: int
    counts: tuple[int, ...]

    @classmethod
    def of(cls, chart_range: Range | None, counts: Sequence[int]) -> "State":
        """Return the state of a chart over a range of x."""
        return cls(zlib.crc32(repr(chart_range).encode()), tuple(count & _WORD for count in counts))

    def to_text(self) -> str:
        """Return the state as a URL-safe text, four bytes a run."""
        words = np.array([self.grid, *self.counts], "<u4")
        return base64.urlsafe_b64encode(words.tobytes()).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str, *, runs: int) -> "State":
        """Return the state that ``to_text`` wrote.

        :raises InvalidParameterError: if it did not, or for another number of runs.
        """
        try:
            payload = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            grid, *counts = np.frombuffer(payload, "<u4").tolist()
        except ValueError:
            raise InvalidParameterError(f"since: {text[:40]!r} is not a state that was answered before") from None
        if len(counts) != runs:
            raise InvalidParameterError(f"since: {text[:40]!r} is a state of {len(counts)} runs, not of {runs}")
        return cls(grid, tuple(counts))

    def has_counts(self, counts: Sequence[int]) -> bool:
        """Tell whether nothing was received since."""
        return self.counts == tuple(count & _WORD for count in counts)

    def changed_places(self, before: "State | None") -> list[int]:
        """Return which runs have to be drawn anew: those that received points, and all where the grid is another."""
        if before is None or before.grid != self.grid:
            return list(range(len(self.counts)))
        return [place for place, pair in enumerate(zip(self.counts, before.counts, strict=True)) if pair[0] != pair[1]]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The points of one run of a metric, or, for a ``View.is_plain``, buckets that summarise them.

    ``started_ms``: the run's start in milliseconds since 1970.
    """

    uid: str
    name: str
    started_ms: int
    summary: SeriesRow
    points: Points | Buckets

    def x(self, axis: XAxis) -> Floats:
        """Return where the points stand: steps, milliseconds since 1970, or seconds since the run's start."""
        if not isinstance(self.points, Points):
            raise TypeError(f"Run {self.uid} has no points, only buckets")
        match axis:
            case XAxis.STEP:
                return self.points.steps.astype(np.float64)
            case XAxis.TIME:
                return self.points.timestamps_ms.astype(np.float64)
            case XAxis.RELATIVE:
                return (self.points.timestamps_ms - self.started_ms) / 1000


class Column(msgspec.Struct):
    """A typed array as plotly reads it: little-endian bytes in base64."""

    dtype: str
    bdata: str

    @classmethod
    def of_floats(cls, values: Floats) -> "Column":
        """Pack 64-bit floats."""
        return cls("f8", base64.b64encode(values.astype("<f8", copy=False).tobytes()).decode())

    @classmethod
    def of_kinds(cls, kinds: NDArray[np.int8]) -> "Column":
        """Pack 8-bit integers."""
        return cls("i1", base64.b64encode(kinds.tobytes()).decode())


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
    """One run of one metric, ready to be drawn.

    ``raw`` and ``band`` are of the values as they were logged; ``raw`` is None where nothing was smoothed, ``band``
    where no point was left out. ``total`` counts the points in the range, ``shown`` those that are here. ``last``,
    ``low`` and ``high`` are of the whole series; what JSON cannot say as a number is a word: NaN, Infinity, -Infinity.
    """

    run: str
    metric: str
    name: str
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


def shared_range(xs: Sequence[Floats]) -> Range | None:
    """Return one range for all curves of a chart: it holds every finite x and grows in strides, None without any x."""
    with np.errstate(invalid="ignore"):
        bounds = [(float(np.min(x)), float(np.max(x))) for x in xs if len(x)]
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


def chart_traces(
    *, metric: str, curves: Sequence[Curve], view: View, chart_range: Range | None, wanted: Collection[str]
) -> list[Trace]:
    """Return the traces of the wanted runs, in the order of the curves.

    Smoothing comes before sampling. All curves, wanted or not, decide one smoothing unit for the chart: the median of
    their typical distances between points. ``chart_range`` sets the grid of x.

    :raises InvalidParameterError: if the range ends before it starts.
    """
    unit = 1.0
    if view.smoothing is not None and curves:
        unit = float(np.median([smoothing.median_gap(curve.x(view.x)) for curve in curves]))
    traces = []
    for curve in curves:
        if curve.uid not in wanted:
            continue
        raw = drawn = _sample(curve, view, chart_range)
        if view.smoothing is not None and isinstance(curve.points, Points):
            smoothed = _smooth(curve.x(view.x), curve.points.values, view.smoothing, unit)
            drawn = _sample(replace(curve, points=replace(curve.points, values=smoothed)), view, chart_range)
        traces.append(_trace(curve, metric, raw, drawn))
    return traces


def _sample(curve: Curve, view: View, chart_range: Range | None) -> Sampled:
    if isinstance(curve.points, Points):
        sample: Callable[..., Sampled] = buckets_log_x if view.is_log_x else buckets
        return sample(curve.x(view.x), curve.points.values, pixels=view.pixels, x_range=chart_range)
    if chart_range is None:
        raise ValueError("Buckets can only be drawn in a range")
    return merge_buckets(curve.points, width=grid_width(chart_range, pixels=view.pixels))


def _smooth(x: Floats, y: Floats, how: Smoothing, unit: float) -> Floats:
    match how.kind:
        case Smoother.EMA:
            return smoothing.ema(x, y, how.amount, unit=unit)
        case Smoother.GAUSSIAN:
            return smoothing.gaussian(x, y, how.amount * unit)
        case Smoother.MEAN:
            return smoothing.running_mean(y, int(how.amount))


def _trace(curve: Curve, metric: str, raw: Sampled, drawn: Sampled) -> Trace:
    summary = curve.summary
    return Trace(
        run=curve.uid,
        metric=metric,
        name=curve.name,
        x=Column.of_floats(drawn.x),
        y=Column.of_floats(drawn.y),
        raw=None if drawn is raw else Line(Column.of_floats(raw.x), Column.of_floats(raw.y)),
        band=_band(raw) if len(raw.band_x) else None,
        nonfinite=NonFinite(
            Column.of_floats(raw.nonfinite_x), Column.of_kinds(raw.nonfinite_kind), raw.nonfinite_total
        ),
        total=raw.total,
        shown=len(raw.x) + len(raw.nonfinite_x),
        is_exact=raw.is_exact,
        last=_sayable(summary.latest_value),
        last_step=summary.latest_step,
        low=_sayable(summary.min_value),
        high=_sayable(summary.max_value),
    )


def _band(sampled: Sampled) -> Band:
    return Band(Column.of_floats(sampled.band_x), Column.of_floats(sampled.lo), Column.of_floats(sampled.hi))


def _sayable(value: float | None) -> float | str:
    """Return the number, or the word that JavaScript's Number() reads; None is NaN."""
    if value is None or math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
