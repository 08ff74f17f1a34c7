import base64
import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tracking.charts.series import (
    Column,
    Curve,
    Smoother,
    Smoothing,
    State,
    Trace,
    View,
    XAxis,
    chart_traces,
    parse_smoothing,
    shared_range,
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
    uids = [one.uid for one in curves]
    return chart_traces(metric="loss", curves=curves, view=how, chart_range=chart_range, wanted=uids)


def floats(column: Column) -> list[float]:
    assert column.dtype == "f8"
    found: list[float] = np.frombuffer(base64.b64decode(column.bdata), "<f8").tolist()
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

        found = chart_traces(metric="loss", curves=both, view=view(), chart_range=None, wanted={"b"})

        assert [trace.run for trace in found] == ["b"]

    def test_put_buckets_of_equal_width_on_a_logarithmic_axis(self) -> None:
        (trace,) = traces([curve("a", np.arange(100_000.0), first_step=1)], view(is_log_x=True))

        assert floats(trace.x)[:3] == [1.0, 2.0, 3.0]


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


class TestState:
    def test_survives_its_text(self) -> None:
        state = State.of((0.0, 8.0), [3, 0, 2**32 + 5])

        assert State.from_text(state.to_text(), runs=3) == state

    def test_names_the_runs_that_received_points(self) -> None:
        before, after = State.of((0.0, 8.0), [3, 4, 5]), State.of((0.0, 8.0), [3, 9, 5])

        assert after.changed_places(before) == [1]

    def test_names_all_runs_when_the_grid_is_another(self) -> None:
        before, after = State.of((0.0, 8.0), [3, 4]), State.of((0.0, 16.0), [3, 4])

        assert after.changed_places(before) == [0, 1]

    @pytest.mark.parametrize("text", ["!", "AAAA", "AAAAAAAAAAA", "é"])
    def test_refuses_what_is_not_its_text(self, text: str) -> None:
        with pytest.raises(InvalidParameterError, match="since"):
            State.from_text(text, runs=3)


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
