import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from tests.tracking.charts.test_series import curve, floats, view
from tracking.charts.groups import (
    Average,
    Grouping,
    GroupTrace,
    Spread,
    group_traces,
    parse_grouping,
    students_t95,
)
from tracking.charts.series import Curve, Smoother, Smoothing, View, shared_range
from tracking.core.errors import InvalidParameterError
from tracking.metrics import smoothing
from tracking.metrics.blocks import merge
from tracking.metrics.codec import Points
from tracking.metrics.downsample import grid_width
from tracking.metrics.pyramid import level_for, summarise
from tracking.runs.types import KeyKind

Floats = NDArray[np.float64]
RNG = np.random.default_rng(11)


def grouping(average: Average = Average.MEAN, spread: Spread = Spread.STD) -> Grouping:
    return Grouping(None, "", average, spread)


def groups(
    curves: Sequence[Curve], how: Grouping, *, looked: View | None = None, by_uid: dict[str, str] | None = None
) -> list[GroupTrace]:
    looked = looked or view()
    chart_range = shared_range([one.x(looked.x) for one in curves if isinstance(one.points, Points)])
    return group_traces(
        metric="loss",
        curves=curves,
        group_by_uid={one.uid: "" for one in curves} if by_uid is None else by_uid,
        grouping=how,
        view=looked,
        chart_range=chart_range,
        wanted={one.uid for one in curves},
    )


def assert_golden(ours: Sequence[float], theirs: object) -> None:
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-9, atol=1e-9)


class TestGroupTraces:
    @pytest.mark.parametrize("average", Average)
    @pytest.mark.parametrize("spread", [Spread.STD, Spread.STDERR, Spread.CI95])
    def test_of_few_points_are_what_numpy_finds_at_every_step(self, average: Average, spread: Spread) -> None:
        rows = RNG.normal(size=(5, 40))

        (group,) = groups([curve(str(i), row) for i, row in enumerate(rows)], grouping(average, spread))

        line = np.median(rows, axis=0) if average is Average.MEDIAN else np.mean(rows, axis=0)
        deviation = np.std(rows, axis=0, ddof=1)
        half = {
            Spread.STD: deviation,
            Spread.STDERR: deviation / math.sqrt(5),
            Spread.CI95: stats.t.ppf(0.975, 4) * deviation / math.sqrt(5),
        }[spread]
        assert group.lo is not None
        assert group.hi is not None
        assert floats(group.x) == list(range(40))
        assert floats(group.n) == [5] * 40
        assert_golden(floats(group.y), line)
        assert_golden(floats(group.lo), line - half)
        assert_golden(floats(group.hi), line + half)

    def test_reach_from_the_least_to_the_greatest(self) -> None:
        rows = RNG.normal(size=(4, 30))

        (group,) = groups([curve(str(i), row) for i, row in enumerate(rows)], grouping(Average.MEDIAN, Spread.MINMAX))

        assert group.lo is not None
        assert group.hi is not None
        assert floats(group.lo) == rows.min(axis=0).tolist()
        assert floats(group.hi) == rows.max(axis=0).tolist()

    @pytest.mark.parametrize(("is_log_x", "is_summarised"), [(False, False), (True, False), (False, True)])
    def test_of_many_points_are_what_numpy_finds_of_the_means_of_buckets(
        self, is_log_x: bool, is_summarised: bool
    ) -> None:
        rows = RNG.normal(size=(3, 20_000))
        curves = [curve(str(i), row, first_step=1) for i, row in enumerate(rows)]
        looked = view(is_log_x=is_log_x)
        chart_range = shared_range([curves[0].x(looked.x)]) or (0.0, 0.0)
        scale = np.log2 if is_log_x else np.positive
        width = grid_width((float(scale(chart_range[0])), float(scale(chart_range[1]))), pixels=looked.pixels)
        numbers = np.floor(scale(np.arange(1.0, 20_001.0)) / width)
        means = np.array([[row[numbers == k].mean() for k in np.unique(numbers)] for row in rows])
        if is_summarised:
            curves = [summed(one, width) for one in curves]

        (group,) = group_traces(
            metric="loss",
            curves=curves,
            group_by_uid={"0": "", "1": "", "2": ""},
            grouping=grouping(spread=Spread.MINMAX),
            view=looked,
            chart_range=chart_range,
            wanted={"0"},
        )

        has_point = np.isin(np.floor(scale(np.array(floats(group.x))) / width), numbers)
        assert group.lo is not None
        assert group.hi is not None
        assert_golden(np.array(floats(group.y))[has_point].tolist(), means.mean(axis=0))
        assert min(floats(group.lo)) == rows.min()
        assert max(floats(group.hi)) == rows.max()
        assert group.total == 60_000

    def test_count_a_run_between_its_ends_only_and_draw_a_line_through_its_gaps(self) -> None:
        long, short, sparse = curve("a", [1.0, 2.0, 3.0, 4.0]), curve("b", [5.0, 5.0]), curve("c", [0.0, 6.0])
        sparse.points.steps[:] = [0, 3]  # type: ignore[union-attr]

        (group,) = groups([long, short, sparse], grouping(spread=Spread.NONE))

        assert floats(group.n) == [3, 3, 2, 2]
        assert_golden(floats(group.y), [(1 + 5 + 0) / 3, (2 + 5 + 2) / 3, (3 + 4) / 2, (4 + 6) / 2])
        assert group.lo is None

    def test_smooth_each_run_before_they_are_averaged(self) -> None:
        rows = RNG.normal(size=(3, 50))
        looked = view(smooth=Smoothing(Smoother.EMA, 0.8))

        (group,) = groups([curve(str(i), row) for i, row in enumerate(rows)], grouping(), looked=looked)

        steps = np.arange(50.0)
        assert_golden(floats(group.y), np.mean([smoothing.ema(steps, row, 0.8, unit=1.0) for row in rows], axis=0))

    def test_of_one_run_have_a_band_without_width(self) -> None:
        for spread in (Spread.STD, Spread.STDERR, Spread.CI95):
            (group,) = groups([curve("a", [3.0, 4.0])], grouping(spread=spread))

            assert group.lo is not None
            assert floats(group.lo) == floats(group.y) == [3.0, 4.0]

    def test_leave_out_and_mark_what_is_not_a_number(self) -> None:
        (group,) = groups([curve("a", [1.0, math.nan, 3.0]), curve("b", [3.0, math.inf, 5.0])], grouping())

        assert floats(group.y) == [2.0, 4.0]
        assert floats(group.nonfinite.x) == [1.0, 1.0]
        assert group.nonfinite.total == 2

    def test_do_not_overflow(self) -> None:
        (group,) = groups([curve("a", [1.7e308] * 9), curve("b", [1.7e308] * 9)], grouping())

        assert floats(group.y) == [1.7e308] * 9

    def test_come_by_number_then_by_text_then_those_without_a_value(self) -> None:
        by_uid = {"a": "sgd", "b": "10", "c": "9.5", "d": "10"}

        found = groups([curve(uid, [1.0]) for uid in "abcde"], grouping(), by_uid=by_uid)

        assert [(one.group, one.runs) for one in found] == [
            ("9.5", ["c"]),
            ("10", ["b", "d"]),
            ("sgd", ["a"]),
            (None, ["e"]),
        ]

    def test_of_runs_that_are_not_wanted_stay_away(self) -> None:
        both = [curve("a", [1.0]), curve("b", [2.0])]

        found = group_traces(
            metric="loss",
            curves=both,
            group_by_uid={"a": "x", "b": "y"},
            grouping=grouping(),
            view=view(),
            chart_range=(0.0, 1.0),
            wanted={"b"},
        )

        assert [one.group for one in found] == ["y"]


class TestStudentsT95:
    def test_is_what_scipy_finds(self) -> None:
        degrees = [1, 2, 3, 4, 5, 10, 31, 100, 999]

        assert_golden([students_t95(df) for df in degrees], stats.t.ppf(0.975, degrees))


class TestParseGrouping:
    def test_reads_what_runs_have_in_common(self) -> None:
        assert parse_grouping("params.optim.lr", "mean", "std") == Grouping(
            KeyKind.PARAM, "optim.lr", Average.MEAN, Spread.STD
        )
        assert parse_grouping("all", "median", "ci95") == Grouping(None, "", Average.MEDIAN, Spread.CI95)
        assert parse_grouping("", "mean", "std") is None

    @pytest.mark.parametrize(
        ("group", "average", "spread"),
        [("lr", "mean", "std"), ("params.", "mean", "std"), ("all", "mode", "std"), ("all", "mean", "wide")],
    )
    def test_refuses_others(self, group: str, average: str, spread: str) -> None:
        with pytest.raises(InvalidParameterError):
            parse_grouping(group, average, spread)


def summed(one: Curve, width: float) -> Curve:
    """Return the curve as summaries, as it is read where it is long."""
    assert isinstance(one.points, Points)
    buckets = summarise(merge([one.points]), level_for(width) or 0)
    return Curve(one.uid, one.name, one.started_ms, one.summary, buckets)
