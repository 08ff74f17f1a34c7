import base64
import math
import struct
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tracking.charts.series import (
    MOST_WITH_BAND,
    Column,
    Curve,
    Smoother,
    Smoothing,
    Trace,
    View,
    XAxis,
    drawn_curves,
    parse_smoothing,
    shared_range,
    trace_of,
    widen,
)
from tracking.core.errors import InvalidParameterError
from tracking.metrics import smoothing
from tracking.metrics.codec import Points
from tracking.metrics.types import SeriesRow

START_MS = 1_700_000_000_000


def curve(uid: str, values: Sequence[float] | NDArray[np.float64], *, first_step: int = 0, name: str = "run") -> Curve:
    y = np.asarray(values, np.float64)
    steps = np.arange(first_step, first_step + len(y))
    real = y[~np.isnan(y)]
    summary = SeriesRow(
        run_id=1,
        key="loss",
        latest_value=float(y[-1]),
        latest_timestamp_ms=START_MS,
        latest_step=int(steps[-1]),
        min_value=float(real.min()) if len(real) else None,
        max_value=float(real.max()) if len(real) else None,
        first_step=int(steps[0]),
        last_step=int(steps[-1]),
        received=len(y),
    )
    return Curve(uid, name, START_MS, summary, Points(steps, START_MS + steps * 500, y))


def view(x: XAxis = XAxis.STEP, *, pixels: int = 200, smooth: Smoothing | None = None, is_log_x: bool = False) -> View:
    return View(x=x, pixels=pixels, smoothing=smooth, is_log_x=is_log_x)


def traces(curves: Sequence[Curve], how: View) -> list[Trace]:
    chart_range = shared_range([one.x(how.x) for one in curves])
    found = drawn_curves(curves=curves, view=how, chart_range=chart_range, wanted=[one.uid for one in curves])
    return [trace_of(one, "loss", drawn, how) for one, drawn in found]


def floats(column: Column) -> list[float]:
    packed = np.frombuffer(base64.b64decode(column.bdata), column.dtype).astype(np.float64)
    if column.offset or column.divisor != 1:
        packed = (packed + column.offset) / column.divisor
    found: list[float] = packed.tolist()
    return found


class TestChartTraces:
    def test_hand_few_points_on_untouched(self) -> None:
        (trace,) = traces([curve("a", [3.0, 1.0, 2.0])], view())

        assert (floats(trace.x), floats(trace.y)) == ([0.0, 1.0, 2.0], [3.0, 1.0, 2.0])
        assert (trace.total, trace.shown, trace.is_exact) == (3, 3, True)
        assert trace.band is None
        assert trace.raw is None

    def test_count_x_from_the_start_of_the_run(self) -> None:
        (trace,) = traces([curve("a", [1.0, 2.0, 3.0])], view(XAxis.RELATIVE))

        assert floats(trace.x) == [0.0, 0.5, 1.0]

    def test_count_time_in_milliseconds(self) -> None:
        (trace,) = traces([curve("a", [1.0, 2.0])], view(XAxis.TIME))

        assert floats(trace.x) == [START_MS, START_MS + 500.0]

    def test_keep_a_spike_and_draw_a_band_where_points_are_left_out(self) -> None:
        values = np.zeros(10_000)
        values[7_777] = 50.0

        (trace,) = traces([curve("a", values)], view())

        assert 50.0 in floats(trace.y)
        assert trace.band is not None
        assert max(floats(trace.band.hi)) == 50.0
        assert trace.total == 10_000
        assert trace.shown == len(floats(trace.y)) < 1_000
        assert not trace.is_exact

    def test_smooth_before_points_are_left_out(self) -> None:
        values = np.random.default_rng(1).normal(size=5_000)
        steps = np.arange(5_000, dtype=np.float64)

        (trace,) = traces([curve("a", values)], view(smooth=Smoothing(Smoother.EMA, 0.9)))

        whole = smoothing.ema(steps, values, 0.9, unit=1.0)
        assert floats(trace.y) == whole[np.array(floats(trace.x), np.int64)].tolist()

    def test_keep_the_values_as_logged_beside_the_smoothed_ones(self) -> None:
        values = np.zeros(5_000)
        values[2_500] = 9.0

        (trace,) = traces([curve("a", values)], view(smooth=Smoothing(Smoother.MEAN, 50)))

        assert trace.raw is not None
        assert max(floats(trace.raw.y)) == 9.0
        assert max(floats(trace.y)) == pytest.approx(9.0 / 50)

    @pytest.mark.parametrize("kind", Smoother)
    def test_smooth_in_every_way(self, kind: Smoother) -> None:
        amount = {Smoother.EMA: 0.5, Smoother.GAUSSIAN: 2.0, Smoother.MEAN: 3.0}[kind]

        (trace,) = traces([curve("a", [0.0, 1.0, 0.0, 1.0])], view(smooth=Smoothing(kind, amount)))

        assert 0 < floats(trace.y)[1] < 1

    def test_mark_what_no_axis_has_a_place_for(self) -> None:
        (trace,) = traces([curve("a", [1.0, math.nan, math.inf, -math.inf, 2.0])], view())

        assert floats(trace.y) == [1.0, 2.0]
        assert floats(trace.nonfinite.x) == [1.0, 2.0, 3.0]
        assert np.frombuffer(base64.b64decode(trace.nonfinite.kind.bdata), np.int8).tolist() == [0, 1, -1]
        assert trace.nonfinite.total == 3
        assert trace.is_exact

    def test_say_in_words_what_json_has_no_number_for(self) -> None:
        (trace,) = traces([curve("a", [math.inf, math.nan])], view())

        assert (trace.last, trace.low, trace.high) == ("NaN", "Infinity", "Infinity")

    def test_put_all_runs_on_one_grid(self) -> None:
        long, short = curve("a", np.arange(8_000.0)), curve("b", np.arange(3_000.0))

        drawn = traces([long, short], view())

        assert drawn[0].band is not None
        assert drawn[1].band is not None
        edges = floats(drawn[1].band.x)
        assert edges == floats(drawn[0].band.x)[: len(edges)]

    def test_leave_out_runs_that_are_not_wanted(self) -> None:
        both = [curve("a", [1.0]), curve("b", [2.0])]

        found = drawn_curves(curves=both, view=view(), chart_range=None, wanted={"b"})

        assert [one.uid for one, _ in found] == ["b"]

    def test_put_buckets_of_equal_width_on_a_logarithmic_axis(self) -> None:
        (trace,) = traces([curve("a", np.arange(100_000.0), first_step=1)], view(is_log_x=True))

        assert floats(trace.x)[:3] == [1.0, 2.0, 3.0]

    def test_stand_where_another_metric_was_at_their_step_or_before(self) -> None:
        x_points = Points(np.array([1, 3, 3]), np.array([9, 2, 7]), np.array([10.0, 5.0, 30.0]))
        one = replace(curve("a", [0.0, 1.0, 2.0, 3.0, 4.0]), x_points=x_points)

        (trace,) = traces([one], view(XAxis.METRIC))

        assert floats(trace.x) == [10.0, 10.0, 30.0, 30.0]  # of two values at step 3, the later one
        assert floats(trace.y) == [1.0, 2.0, 3.0, 4.0]

    def test_of_many_runs_come_without_raw_curves_and_bands(self) -> None:
        many = [curve(str(i), np.arange(1_000.0)) for i in range(MOST_WITH_BAND + 1)]

        for trace in traces(many, view(smooth=Smoothing(Smoother.EMA, 0.5))):
            assert trace.raw is None
            assert trace.band is None


class TestColumn:
    @pytest.mark.parametrize(
        ("values", "dtype"),
        [
            ([0.0, 127.0, -128.0], "i1"),
            ([300.0], "i2"),
            ([1e6], "i4"),
            ([0.5, 2.0**100], "f4"),
            ([-0.0], "f4"),
            ([0.1], "f8"),
            ([3e9 + 1], "f8"),
            ([math.nan, math.inf], "f4"),
            ([], "i1"),
        ],
    )
    def test_packs_exactly_in_the_narrowest_type(self, values: list[float], dtype: str) -> None:
        column = Column.of(np.array(values, np.float64))

        assert column.dtype == dtype
        assert struct.pack(f"{len(values)}d", *floats(column)) == struct.pack(f"{len(values)}d", *values)


class TestView:
    def test_of_many_runs_has_fewer_pixels_for_each(self) -> None:
        assert [view(pixels=800).among(runs).pixels for runs in (1, 16, 100, 1000)] == [800, 800, 128, 32]


class TestSharedRange:
    def test_holds_all_curves(self) -> None:
        low, high = shared_range([np.array([5.0, 9.0]), np.array([2.0]), np.array([])]) or (0.0, 0.0)

        assert low == 2.0
        assert 9.0 <= high <= 10.0

    def test_is_nothing_without_a_point(self) -> None:
        assert shared_range([np.array([])]) is None

    def test_moves_seldom_while_a_curve_grows(self) -> None:
        ends = {widen((0.0, float(step)))[1] for step in range(1_000, 2_000)}

        assert len(ends) <= 10

    def test_holds_a_single_x(self) -> None:
        assert widen((4.0, 4.0)) == (4.0, 4.0)


class TestParseSmoothing:
    def test_reads_kind_and_amount(self) -> None:
        assert parse_smoothing("gaussian:10") == Smoothing(Smoother.GAUSSIAN, 10.0)

    @pytest.mark.parametrize("text", ["", "ema:0"])
    def test_knows_none(self, text: str) -> None:
        assert parse_smoothing(text) is None

    @pytest.mark.parametrize("text", ["ema", "ema:1", "ema:-1", "ema:nan", "mean:0", "gaussian:0", "best:3", "ema:x"])
    def test_refuses_others_and_names_the_parameter(self, text: str) -> None:
        with pytest.raises(InvalidParameterError, match=r"^smooth: "):
            parse_smoothing(text)
