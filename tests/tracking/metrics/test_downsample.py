import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tracking.core.errors import InvalidParameterError
from tracking.metrics.codec import Points
from tracking.metrics.downsample import (
    Sampled,
    buckets,
    buckets_log_x,
    grid_width,
    interval_history,
    merge_buckets,
)
from tracking.metrics.pyramid import level_for, summarise

Floats = NDArray[np.float64]
Sample = Callable[..., Sampled]

EXTREME = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.7e308, -1.7e308, 5e-324]
RNG = np.random.default_rng(7)
both_axes = pytest.mark.parametrize("sample", [buckets, buckets_log_x])


@st.composite
def curves(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Draw a curve with x in any order, some of them equal, most y finite."""
    size = draw(st.integers(0, 80))
    scale = draw(st.sampled_from([1e-300, 1e-3, 1.0, 1e6, 1e300]))
    x = st.integers(-50, 50).map(lambda step: step * scale) | st.floats()
    y = st.integers(-3, 3).map(float) | st.sampled_from(EXTREME)
    return (
        np.array(draw(st.lists(x, min_size=size, max_size=size)), np.float64),
        np.array(draw(st.lists(y, min_size=size, max_size=size)), np.float64),
    )


def noise(size: int) -> tuple[Floats, Floats]:
    return np.arange(1.0, size + 1), RNG.normal(size=size)


class TestBuckets:
    @both_axes
    @given(curve=curves(), pixels=st.integers(1, 40))
    def test_keep_first_last_least_and_greatest_in_order_and_in_bounds(
        self, sample: Sample, curve: tuple[Floats, Floats], pixels: int
    ) -> None:
        x, y = curve
        has_place = np.isfinite(x) & ((x > 0) | (sample is buckets))

        sampled = sample(x, y, pixels=pixels)

        assert (x[sampled.index] == sampled.x).all()
        assert (y[sampled.index] == sampled.y).all()
        assert (np.diff(sampled.x) >= 0).all()
        assert len(set(sampled.index.tolist())) == len(sampled.index) <= 4 * max(pixels // 2, 4)
        assert sampled.total == np.count_nonzero(has_place) == len(x) - sampled.unplaced
        finite = np.flatnonzero(has_place & np.isfinite(y))
        if finite.size:
            ordered = finite[np.argsort(x[finite], kind="stable")]
            assert sampled.index[0] == ordered[0]
            assert sampled.index[-1] == ordered[-1]
            assert sampled.y.min() == y[finite].min()
            assert sampled.y.max() == y[finite].max()
        assert sampled.is_exact == (len(sampled.x) + len(sampled.nonfinite_x) == sampled.total)

    @both_axes
    @given(curve=curves(), pixels=st.integers(1, 40))
    def test_list_nonfinite_values_apart_and_never_lose_the_first_of_a_kind(
        self, sample: Sample, curve: tuple[Floats, Floats], pixels: int
    ) -> None:
        x, y = curve
        has_place = np.isfinite(x) & ((x > 0) | (sample is buckets))

        sampled = sample(x, y, pixels=pixels)

        assert sampled.nonfinite_total == np.count_nonzero(has_place & ~np.isfinite(y))
        assert len(sampled.nonfinite_x) == len(sampled.nonfinite_kind) <= 3 * max(pixels // 2, 4)
        assert (np.diff(sampled.nonfinite_x) >= 0).all()
        for kind, is_kind in ((0, np.isnan(y)), (1, y == np.inf), (-1, y == -np.inf)):
            expected = x[has_place & is_kind]
            shown = sampled.nonfinite_x[sampled.nonfinite_kind == kind]
            assert set(shown.tolist()) <= set(expected.tolist())
            assert shown.size == 0 if expected.size == 0 else shown[0] == expected.min()

    @pytest.mark.parametrize(("sample", "pixels"), [(buckets, 1000), (buckets_log_x, 4000)])
    def test_show_every_one_step_spike(self, sample: Sample, pixels: int) -> None:
        x, y = noise(100_000)
        spikes = np.arange(0, 100_000, 5_000) + RNG.integers(0, 3_900, 20)
        y[spikes] += np.where(np.arange(20) % 2, 100.0, -100.0)

        sampled = sample(x, y, pixels=pixels)

        assert len(sampled.x) <= 2 * pixels
        assert set(spikes.tolist()) <= set(sampled.index.tolist())

    def test_are_a_power_of_two_wide_and_aligned_to_zero(self) -> None:
        x = np.arange(-1000.0, 9000.0)
        y = np.zeros(len(x))

        sampled = buckets(x, y, pixels=40)

        assert sampled.width == 512.0
        assert sampled.band_x.tolist() == [-1000.0, *np.arange(-512.0, 9000.0, 512.0)]

    def test_are_as_many_as_fit(self) -> None:
        x, y = np.arange(1024.0), np.zeros(1024)

        assert buckets(x, y, pixels=512).width == 4.0
        assert len(buckets(x, RNG.normal(size=1024), pixels=512).band_x) == 256

    def test_on_a_log_axis_are_equally_wide_in_the_logarithm(self) -> None:
        x, y = noise(100_000)

        sampled = buckets_log_x(x, y, pixels=64)

        assert sampled.width == 1.0
        assert sampled.band_x.tolist() == [2.0**k for k in range(17)]

    @both_axes
    @given(
        x=st.lists(st.integers(4, 400), min_size=10, max_size=80),
        y=st.lists(st.integers(-3, 3).map(float) | st.sampled_from(EXTREME), min_size=80, max_size=80),
        size=st.integers(9, 80),
    )
    def test_before_the_last_one_do_not_change_when_points_are_appended(
        self, sample: Sample, x: list[int], y: list[float], size: int
    ) -> None:
        all_x, all_y = np.sort(np.array(x) / 4), np.array(y[: len(x)])

        before = sample(all_x[:size], all_y[:size], pixels=8, x_range=(1.0, 100.0))
        after = sample(all_x, all_y, pixels=8, x_range=(1.0, 100.0))

        scale = np.log2 if sample is buckets_log_x else np.positive
        border = np.floor(scale(all_x[:size].max()) / before.width)
        assert before.width == after.width > 0
        settled = [part.index[np.floor(scale(part.x) / part.width) < border] for part in (before, after)]
        assert settled[0].tolist() == settled[1].tolist()
        markers = [
            part.nonfinite_kind[np.floor(scale(part.nonfinite_x) / part.width) < border] for part in (before, after)
        ]
        assert markers[0].tolist() == markers[1].tolist()

    @both_axes
    def test_of_a_growing_curve_only_ever_lose_points_before_the_last_bucket(self, sample: Sample) -> None:
        x, y = noise(20_000)
        settled_at, before = 0.0, set(range(1, 20_000))

        for size in range(500, 20_000, 371):
            sampled = sample(x[:size], y[:size], pixels=100)
            kept = set(sampled.index.tolist())
            assert {place for place in kept if x[place] < settled_at} <= before
            settled_at, before = float(sampled.band_x[-1]), kept

    @both_axes
    def test_up_to_one_point_a_pixel_are_the_points_themselves(self, sample: Sample) -> None:
        x, y = noise(100)
        y[[3, 50]] = [math.nan, -math.inf]

        sampled = sample(x, y, pixels=100)

        assert sampled.is_exact
        assert sampled.index.tolist() == [place for place in range(100) if place not in (3, 50)]
        assert sampled.nonfinite_x.tolist() == [4.0, 51.0]
        assert sampled.nonfinite_kind.tolist() == [0, -1]
        assert len(sampled.band_x) == len(sampled.lo) == len(sampled.hi) == 0

    @both_axes
    def test_have_a_band_that_holds_every_point(self, sample: Sample) -> None:
        x, y = noise(5_000)

        sampled = sample(x, y, pixels=200)

        bucket = np.searchsorted(sampled.band_x, x, side="right") - 1
        for place in range(len(sampled.band_x)):
            inside = y[bucket == place]
            assert (inside.min(), inside.max()) == (sampled.lo[place], sampled.hi[place])

    def test_within_a_range_count_its_points_only(self) -> None:
        x, y = noise(1_000)

        sampled = buckets(x, y, pixels=100, x_range=(10.0, 59.5))

        assert sampled.is_exact
        assert sampled.total == 50
        assert sampled.x.tolist() == list(range(10, 60))
        assert sampled.unplaced == 0

    @both_axes
    def test_within_a_range_have_one_grid_whatever_the_length_of_the_curve(self, sample: Sample) -> None:
        x, y = noise(10_000)

        widths = {sample(x[:size], y[:size], pixels=50, x_range=(1.0, 10_000.0)).width for size in (100, 3_000, 10_000)}

        assert len(widths) == 1
        assert widths != {0.0}

    def test_within_an_open_range_take_the_ends_of_the_data(self) -> None:
        x, y = noise(1_000)

        assert buckets(x, y, pixels=50, x_range=(-math.inf, math.inf)).width == buckets(x, y, pixels=50).width
        assert buckets_log_x(x, y, pixels=50, x_range=(0.0, 1e3)).width == buckets_log_x(x, y, pixels=50).width

    def test_of_an_unordered_curve_are_those_of_the_ordered_one(self) -> None:
        x, y = noise(3_000)
        shuffled = RNG.permutation(3_000)

        sampled, ordered = buckets(x[shuffled], y[shuffled], pixels=100), buckets(x, y, pixels=100)

        assert shuffled[sampled.index].tolist() == ordered.index.tolist()
        assert sampled.y.tolist() == ordered.y.tolist()

    def test_of_a_diverged_run_show_where_it_diverged_with_few_markers(self) -> None:
        x, y = noise(50_000)
        y[1_234:] = math.nan

        sampled = buckets(x, y, pixels=200)

        assert sampled.nonfinite_x[0] == 1_235.0
        assert sampled.nonfinite_total == 48_766
        assert len(sampled.nonfinite_x) <= 100
        assert not sampled.is_exact

    @pytest.mark.parametrize("at", [0.0, 5e-324, 1.7e12, -1.7e308])
    def test_of_one_x_keep_the_extremes(self, at: float) -> None:
        y = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0])

        sampled = buckets(np.full(10, at), y, pixels=1)

        assert sampled.index.tolist() == [0, 1, 5, 9]

    def test_refuse_a_range_that_ends_before_it_starts(self) -> None:
        for x_range in ((2.0, 1.0), (math.nan, 1.0)):
            with pytest.raises(InvalidParameterError, match="range of x"):
                buckets(*noise(5), pixels=5, x_range=x_range)

    def test_refuse_a_chart_without_pixels(self) -> None:
        with pytest.raises(InvalidParameterError, match="at least 1, got 0"):
            buckets(*noise(5), pixels=0)

    def test_refuse_columns_of_different_length(self) -> None:
        with pytest.raises(ValueError, match="2 x for 3 y"):
            buckets(np.zeros(2), np.zeros(3), pixels=5)


SMALL = st.integers(0, 3)
HISTORIES = st.lists(st.tuples(SMALL | st.integers(0, 10**6), SMALL, SMALL.map(float) | st.sampled_from(EXTREME)))


class TestIntervalHistory:
    @given(rows=HISTORIES, max_results=st.integers(1, 30))
    def test_keeps_first_last_least_and_greatest_in_order_and_in_bounds(
        self, rows: list[tuple[int, int, float]], max_results: int
    ) -> None:
        points = Points(
            np.array([row[0] for row in rows], np.int64),
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] for row in rows], np.float64),
        )
        order = np.lexsort((points.values, points.timestamps_ms, points.steps)).tolist()

        chosen = interval_history(points, max_results=max_results).tolist()

        assert len(chosen) == len(set(chosen)) == min(len(chosen), max_results)
        assert chosen == [place for place in order if place in chosen]
        if len(rows) <= max_results:
            assert chosen == order
        elif max_results >= 4:
            assert (chosen[0], chosen[-1]) == (order[0], order[-1])
            if not np.isnan(points.values).all():
                assert np.nanmin(points.values[chosen]) == np.nanmin(points.values)
                assert np.nanmax(points.values[chosen]) == np.nanmax(points.values)

    def test_uses_equal_numbers_of_points_a_bucket(self) -> None:
        steps = np.arange(1000)
        values = np.zeros(1000)
        values[::100] = -1.0
        values[50::100] = 1.0

        chosen = interval_history(Points(steps, steps, values), max_results=40)

        expected = [place for start in range(0, 1000, 100) for place in (start, start + 50, start + 99)]
        assert chosen.tolist() == expected

    @pytest.mark.parametrize(("max_results", "expected"), [(1, [9]), (2, [0, 9]), (3, [0, 4, 9])])
    def test_of_fewer_than_a_bucket_is_last_first_and_lowest(self, max_results: int, expected: list[int]) -> None:
        steps = np.arange(10)
        values = np.array([5.0, 5.0, math.nan, 5.0, 1.0, 5.0, 5.0, 5.0, 5.0, 9.0])

        assert interval_history(Points(steps, steps, values), max_results=max_results).tolist() == expected

    def test_refuses_to_return_nothing(self) -> None:
        with pytest.raises(InvalidParameterError, match="got 0"):
            interval_history(Points.empty(), max_results=0)


class TestMergeBuckets:
    @pytest.mark.parametrize("pixels", [10, 100, 800])
    @pytest.mark.parametrize("x_range", [(0.0, 99_999.0), (-70_000.0, 200_000.0)])
    def test_chooses_what_the_points_themselves_would(self, pixels: int, x_range: tuple[float, float]) -> None:
        steps = np.unique(RNG.integers(0, 100_000, 60_000))
        values = RNG.normal(size=len(steps))
        values[RNG.integers(0, len(steps), 300)] = np.nan
        values[RNG.integers(0, len(steps), 30)] = np.inf
        values[[7, 5_000, 5_001]] = -np.inf
        points = Points(steps, steps * 10, values)
        width = grid_width(x_range, pixels=pixels)

        merged = merge_buckets(summarise(points, level_for(width) or 0), width=width)

        expected = buckets(steps.astype(np.float64), values, pixels=pixels, x_range=x_range)
        assert width == expected.width
        for field in dataclasses.fields(expected):
            if field.name != "index":
                ours, theirs = getattr(merged, field.name), getattr(expected, field.name)
                assert np.array_equal(ours, theirs), field.name

    def test_of_nothing_finite_has_marks_only(self) -> None:
        points = Points(np.arange(100), np.arange(100), np.full(100, np.nan))

        merged = merge_buckets(summarise(points, 6), width=64.0)

        assert len(merged.x) == len(merged.band_x) == 0
        assert merged.nonfinite_x.tolist() == [0.0, 64.0]
        assert merged.nonfinite_total == merged.total == 100
