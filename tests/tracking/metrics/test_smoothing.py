import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tracking.core.errors import InvalidParameterError
from tracking.metrics.smoothing import ema, gaussian, median_gap, running_mean

Floats = NDArray[np.float64]
Smooth = Callable[[Floats, Floats], Floats]

RNG = np.random.default_rng(20)
EVEN_X = np.arange(300.0)
UNEVEN_X = np.cumsum(RNG.exponential(size=300)) + 1.7e9
EQUAL_X = np.floor(EVEN_X / 3)
Y = np.sin(EVEN_X / 20) * 100 + RNG.normal(size=300)

METHODS: dict[str, Smooth] = {
    "ema": lambda x, y: ema(x, y, 0.7, unit=1.0),
    "running_mean": lambda x, y: running_mean(y, 5),
    "gaussian_pairs": lambda x, y: gaussian(x, y, 2.0),
    "gaussian_cells": lambda x, y: gaussian(x, y, 40.0),
}
every_method = pytest.mark.parametrize("smooth", METHODS.values(), ids=METHODS.keys())


def ema_by_loop(x: Floats, y: Floats, weight: float, unit: float) -> list[float]:
    total = share = 0.0
    result = []
    for i in range(len(x)):
        keep = weight ** ((x[i] - x[i - 1]) / unit) if i else 0.0
        total = total * keep + y[i]
        share = share * keep + 1.0
        result.append(total / share)
    return result


def running_mean_by_loop(y: Floats, window: int) -> list[float]:
    result = []
    for i in range(len(y)):
        part = y[max(i - window // 2, 0) : i + (window - 1) // 2 + 1].tolist()
        result.append(math.fsum(part) / len(part))
    return result


def gaussian_by_loop(x: Floats, y: Floats, sigma: float) -> list[float]:
    result = []
    for here in x.tolist():
        shares = [math.exp(-(((here - there) / sigma) ** 2) / 2) for there in x.tolist()]
        parts = [share * value for share, value in zip(shares, y.tolist(), strict=True)]
        result.append(math.fsum(parts) / math.fsum(shares))
    return result


def assert_golden(result: Floats, reference: list[float]) -> None:
    np.testing.assert_allclose(result, reference, rtol=1e-9, atol=1e-9)


class TestEma:
    @pytest.mark.parametrize("weight", [0.01, 0.6, 0.99, 0.999999])
    @pytest.mark.parametrize("x", [EVEN_X, UNEVEN_X, EQUAL_X], ids=["even", "uneven", "equal"])
    @pytest.mark.parametrize("unit", [0.25, 1.0, 60.0])
    def test_is_what_a_loop_finds(self, x: Floats, weight: float, unit: float) -> None:
        assert_golden(ema(x, Y, weight, unit=unit), ema_by_loop(x, Y, weight, unit))

    def test_of_a_long_curve_is_what_a_loop_finds(self) -> None:
        x = np.cumsum(RNG.exponential(size=70_001))
        y = np.sin(x / 500) + RNG.normal(size=len(x))

        assert_golden(ema(x, y, 0.9999, unit=1.0), ema_by_loop(x, y, 0.9999, 1.0))

    @pytest.mark.parametrize("spacing", [1e-3, 1.0, 100.0])
    def test_of_even_spacing_is_the_plain_debiased_average(self, spacing: float) -> None:
        assert_golden(ema(EVEN_X * spacing, Y, 0.9), ema_by_loop(EVEN_X, Y, 0.9, 1.0))

    def test_of_a_longer_run_is_the_same_as_far_as_the_shorter_goes(self) -> None:
        short = ema(UNEVEN_X[:123], Y[:123], 0.9, unit=0.5)

        assert ema(UNEVEN_X, Y, 0.9, unit=0.5)[:123].tolist() == short.tolist()

    def test_forgets_over_a_gap_what_the_missing_points_would_have_made_it_forget(self) -> None:
        result = ema(np.array([0.0, 1.0, 11.0]), np.array([8.0, 8.0, 0.0]), 0.5, unit=1.0)

        left = 8.0 * (0.5**10 + 0.5**11)
        assert result[2] == pytest.approx(left / (1 + 0.5**10 + 0.5**11))

    def test_of_weight_0_is_no_smoothing(self) -> None:
        assert ema(EQUAL_X, Y, 0).tolist() == Y.tolist()

    @pytest.mark.parametrize("weight", [-0.1, 1.0, math.nan])
    def test_refuses_a_weight_out_of_range(self, weight: float) -> None:
        with pytest.raises(InvalidParameterError, match=f"weight .* got {weight}"):
            ema(EVEN_X, Y, weight)

    @pytest.mark.parametrize("unit", [0.0, -1.0, math.inf, math.nan])
    def test_refuses_a_unit_that_is_not_positive(self, unit: float) -> None:
        with pytest.raises(InvalidParameterError, match=f"unit .* got {unit}"):
            ema(EVEN_X, Y, 0.5, unit=unit)


class TestMedianGap:
    def test_counts_distinct_finite_x_only(self) -> None:
        assert median_gap(np.array([30.0, 10.0, 10.0, math.nan, 20.0, math.inf, 90.0])) == 10.0

    @pytest.mark.parametrize("x", [[], [5.0], [5.0, 5.0], [math.nan]])
    def test_without_two_x_is_1(self, x: list[float]) -> None:
        assert median_gap(np.array(x)) == 1.0


class TestRunningMean:
    @pytest.mark.parametrize("window", [1, 2, 3, 8, 100, 299, 300, 599, 600, 10**15])
    def test_is_what_a_loop_finds(self, window: int) -> None:
        assert_golden(running_mean(Y, window), running_mean_by_loop(Y, window))

    def test_forgets_a_huge_value_outside_of_the_window(self) -> None:
        y = np.array([1e300, 1.0, 2.0, 3.0, 4.0])

        assert running_mean(y, 3)[2:].tolist() == [2.0, 3.0, 3.5]

    def test_refuses_a_window_of_0(self) -> None:
        with pytest.raises(InvalidParameterError, match="got 0"):
            running_mean(Y, 0)


class TestGaussian:
    @pytest.mark.parametrize("sigma", [1e-3, 0.5, 3.0, 5.0, 20.0, 100.0, 1e6])
    @pytest.mark.parametrize("x", [EVEN_X, UNEVEN_X, EQUAL_X], ids=["even", "uneven", "equal"])
    def test_is_what_a_loop_finds(self, x: Floats, sigma: float) -> None:
        assert_golden(gaussian(x, Y, sigma), gaussian_by_loop(x, Y, sigma))

    def test_of_a_crowd_among_single_points_is_what_a_loop_finds(self) -> None:
        x = np.sort(np.concatenate([RNG.normal(500.0, 0.3, 200), RNG.uniform(0.0, 1000.0, 100)]))

        assert_golden(gaussian(x, Y, 1.0), gaussian_by_loop(x, Y, 1.0))

    @pytest.mark.parametrize("sigma", [0.0, -1.0, math.inf, math.nan])
    def test_refuses_a_sigma_that_is_not_positive(self, sigma: float) -> None:
        with pytest.raises(InvalidParameterError, match=f"sigma .* got {sigma}"):
            gaussian(EVEN_X, Y, sigma)


@every_method
class TestEveryMethod:
    def test_leaves_nonfinite_values_at_their_place_and_out_of_the_others(self, smooth: Smooth) -> None:
        places = [0, 7, 8, 150, 299]
        dirty = Y.copy()
        dirty[places] = [math.nan, math.inf, -math.inf, math.nan, math.inf]

        result = smooth(EVEN_X, dirty)

        np.testing.assert_array_equal(result[places], dirty[places])
        clean = np.delete(result, places)
        assert clean.tolist() == smooth(np.delete(EVEN_X, places), np.delete(Y, places)).tolist()

    def test_leaves_the_arrays_given_alone(self, smooth: Smooth) -> None:
        x, y = EVEN_X[::-1].copy(), Y.copy()

        smooth(x, y)

        assert (x == EVEN_X[::-1]).all()
        assert (y == Y).all()

    @pytest.mark.parametrize("y", [[], [3.5], [math.nan], [math.nan, math.inf], [0.0, 0.0]])
    def test_of_next_to_nothing_is_that(self, smooth: Smooth, y: list[float]) -> None:
        np.testing.assert_array_equal(smooth(np.arange(float(len(y))), np.array(y)), y)

    @given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=200))
    def test_stays_between_the_least_and_the_greatest_value(self, smooth: Smooth, y: list[float]) -> None:
        result = smooth(np.arange(float(len(y))), np.array(y))

        assert min(y) <= result.min()
        assert result.max() <= max(y)


@pytest.mark.parametrize("smooth", [METHODS["ema"], METHODS["gaussian_pairs"], METHODS["gaussian_cells"]])
class TestSmoothingInX:
    def test_does_not_depend_on_the_order_of_the_points(self, smooth: Smooth) -> None:
        shuffled = RNG.permutation(300)

        assert smooth(EVEN_X[shuffled], Y[shuffled]).tolist() == smooth(EVEN_X, Y)[shuffled].tolist()

    def test_skips_a_point_whose_x_is_not_finite(self, smooth: Smooth) -> None:
        x = EVEN_X.copy()
        x[[3, 4]] = [math.nan, math.inf]

        result = smooth(x, Y)

        assert result[[3, 4]].tolist() == Y[[3, 4]].tolist()
        assert np.delete(result, [3, 4]).tolist() == smooth(np.delete(x, [3, 4]), np.delete(Y, [3, 4])).tolist()

    @given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=90))
    def test_takes_any_finite_x(self, smooth: Smooth, x: list[float]) -> None:
        crowded = np.concatenate([x, EVEN_X[:100]])

        assert np.isfinite(smooth(np.array(x), Y[: len(x)])).all()
        assert np.isfinite(smooth(crowded, Y[: len(crowded)])).all()

    def test_refuses_columns_of_different_length(self, smooth: Smooth) -> None:
        with pytest.raises(ValueError, match="2 x for 300 y"):
            smooth(EVEN_X[:2], Y)
