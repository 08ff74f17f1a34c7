"""Smoothing of whole curves, before any point is left out of them: a sampled curve smoothed is another curve.

Every function returns one value per point, in the order given. A point whose y (or x) is not finite is skipped: it
keeps its y and counts for no other. Points are taken in the order of x, those of equal x in the order given. A smoothed
value is a mean with positive weights, so it lies between the least and the greatest y. O(n log n) or better, without a
Python loop over points.
"""

import math
import sys
from collections.abc import Callable

import numpy as np
from numpy.polynomial.hermite_e import hermevander
from numpy.typing import NDArray

from tracking.core.errors import InvalidParameterError

Floats = NDArray[np.float64]

# Beyond this many sigmas a point's share is below 2e-14 and is taken as nothing.
_REACH = 8
# Above this many neighbours within reach, sums over cells are cheaper than sums over pairs (measured with 1e5 points).
_MAX_PAIRS = 64
# Up to so many neighbours within reach, evenly spaced points are folded with the one row of shares that all have.
_MAX_TAPS = 2048
# Taylor terms per cell of one sigma: the first one left out is below 0.5 ** 18 / sqrt(18!) = 5e-14.
_TERMS = 18
# The logarithm of a share that is nothing beside 1, whatever else there is.
_NOTHING = -100.0
# Points of a piece of a decaying sum: so many passes over the points of all pieces, each a hundredth of them or less.
_PIECE = 64


def median_gap(x: Floats) -> float:
    """Return the median distance between neighbouring distinct x, 1.0 if there are fewer than two."""
    with np.errstate(over="ignore"):
        finite = x if np.isfinite(x).all() else x[np.isfinite(x)]
        if np.any(finite[1:] < finite[:-1]):  # seldom: sorting is what costs
            finite = np.sort(finite)
        gaps = np.diff(finite)
        gaps = gaps[gaps > 0]
        return min(float(np.median(gaps)), sys.float_info.max) if gaps.size else 1.0


def ema(x: Floats, y: Floats, weight: float, *, unit: float | None = None) -> Floats:
    """Return the exponential moving average, weighted by distance in x and debiased.

    With the points i in order of x::

        s[i] = sum over j <= i of  weight ** ((x[i] - x[j]) / unit) * y[j]
        d[i] = the same sum with y = 1;  result[i] = s[i] / d[i]

    so a gap forgets as much as the points missing in it would have made it forget, and the first values are not drawn
    to 0. A value depends on earlier points only: a longer run has the same curve as far as a shorter one goes.

    :param weight: what is left of a point's share one ``unit`` later, 0 (no smoothing) to below 1.
    :param unit: a distance in x; None means ``median_gap(x)``, with which evenly spaced points have the plain debiased
        average. Give one unit to all curves of a chart, so that they are smoothed alike.
    :raises InvalidParameterError: if weight or unit is out of range.
    """
    if not 0 <= weight < 1:
        raise InvalidParameterError(f"Smoothing weight must be at least 0 and below 1, got {weight}")
    if unit is None:
        unit = median_gap(x)
    elif not 0 < unit < math.inf:
        raise InvalidParameterError(f"Smoothing unit must be a positive number, got {unit}")
    if weight == 0:
        return y.copy()

    def mean(u: Floats, v: Floats) -> Floats:
        with np.errstate(over="ignore", under="ignore"):
            gaps = np.diff(u) / unit
            if len(gaps) and gaps.min() == gaps.max():  # the usual case
                return _ema_of_even(v, weight ** float(gaps[0]))
            keep = np.zeros_like(u)
            keep[1:] = np.power(weight, gaps)
            sums = _decaying_sum(keep, np.stack([v, np.ones_like(v)]))
            averages: Floats = sums[0] / sums[1]
        return averages

    return _smooth_finite(x, y, mean)


def running_mean(y: Floats, window: int) -> Floats:
    """Return the mean of the ``window`` points around each, fewer at the ends.

    An even window has one more point before than after, so 2 is each point with the one before it. Skipped
    points do not count towards the window. A sum contains the window's values alone (no difference of running totals),
    so a huge value leaves no rounding error behind itself.

    :raises InvalidParameterError: if window is below 1.
    """
    if window < 1:
        raise InvalidParameterError(f"Smoothing window must be at least 1 point, got {window}")

    def mean(_: Floats, v: Floats) -> Floats:
        n = len(v)
        before, after = min(window // 2, n), min((window - 1) // 2, n)
        padded = np.concatenate([np.zeros(before), v, np.zeros(after)])
        places = np.arange(n)
        counts = np.minimum(places + after, n - 1) - np.maximum(places - before, 0) + 1
        means: Floats = _window_sum(padded, before + after + 1) / counts
        return means

    return _smooth_finite(np.zeros_like(y), y, mean)


def gaussian(x: Floats, y: Floats, sigma: float) -> Floats:
    """Return the mean of all points weighted by ``exp(-((x[i] - x[j]) / sigma) ** 2 / 2)``, sigma in units of x.

    Exact to about 1e-12 of the greatest absolute y nearby.

    :raises InvalidParameterError: if sigma is not a positive number.
    """
    if not 0 < sigma < math.inf:
        raise InvalidParameterError(f"Smoothing sigma must be a positive number, got {sigma}")

    def mean(u: Floats, v: Floats) -> Floats:
        # In units of the greatest |x|, so that not even the span of all floats overflows.
        exponent = np.frexp(np.abs(u).max())[1]
        with np.errstate(over="ignore", under="ignore"):
            u, width = np.ldexp(u, -exponent), max(np.ldexp(np.float64(sigma), -exponent), 1e-300)
        gaps = np.diff(u)
        if len(gaps) and 0 < gaps.min() == gaps.max() and 2 * _REACH * width / gaps[0] < min(len(gaps), _MAX_TAPS):
            return _gauss_mean_of_even(v, gaps[0] / width)
        places = (u - u[0]) / width
        within = np.searchsorted(places, places + _REACH, side="right") - np.arange(len(places))
        gauss_sum = _gauss_sum_by_pairs if within.max() <= _MAX_PAIRS else _gauss_sum_by_cells
        sums = gauss_sum(places, np.stack([v, np.ones_like(v)], axis=1))
        return sums[:, 0] / sums[:, 1]

    return _smooth_finite(x, y, mean)


def _smooth_finite(x: Floats, y: Floats, mean: Callable[[Floats, Floats], Floats]) -> Floats:
    """Apply ``mean`` to the finite points in order of x; y is scaled by a power of two so that no sum overflows."""
    if len(x) != len(y):
        raise ValueError(f"{len(x)} x for {len(y)} y")
    is_finite = np.isfinite(x) & np.isfinite(y)
    if is_finite.all() and len(x) and not np.any(x[1:] < x[:-1]):
        return _smooth_scaled(x, y, mean)
    result = y.copy()
    places = np.flatnonzero(is_finite)
    if places.size:
        finite_x = x[places]
        if np.any(finite_x[1:] < finite_x[:-1]):
            places = places[np.argsort(finite_x, kind="stable")]
        result[places] = _smooth_scaled(x[places], y[places], mean)
    return result


def _smooth_scaled(x: Floats, y: Floats, mean: Callable[[Floats, Floats], Floats]) -> Floats:
    low, high = y.min(), y.max()
    exponent = np.frexp(max(-low, high))[1]
    scaled = np.ldexp(y, -exponent)
    # Rounding must not carry a mean past the greatest value, where scaling back could overflow; nor may scaling,
    # which makes the tiniest values 0, carry one below the least.
    means = np.clip(mean(x, scaled), np.ldexp(low, -exponent), np.ldexp(high, -exponent))
    result: Floats = np.clip(np.ldexp(means, exponent), low, high)
    return result


def _ema_of_even(v: Floats, keep: float) -> Floats:
    """Return the debiased averages where a share of ``keep`` is left from each point to the next one.

    Sums of 1, 2, 4, ... points, as far back as anything is left.
    """
    if keep == 0:
        return v.copy()
    total, decay = v.copy(), math.log(keep)
    reach = len(v) if decay == 0 else min(len(v), math.ceil(_NOTHING / decay))
    width = 1
    while width < reach:
        total[width:] += keep**width * total[:-width]
        width *= 2
    if decay == 0:
        return total / np.arange(1, len(v) + 1)
    # The sum of the shares, 1 + keep + keep^2 + ..., which is all of it from some point on.
    total[reach:] *= -math.expm1(decay)
    total[:reach] *= math.expm1(decay) / np.expm1(decay * np.arange(1, reach + 1))
    return total


def _decaying_sum(keep: Floats, v: Floats) -> Floats:
    """Return s with s[..., i] = keep[i] * s[..., i - 1] + v[..., i], s[..., -1] = 0, for keep between 0 and 1.

    All pieces of ``_PIECE`` points side by side, a point of each at a time; what is carried from piece to piece is such
    a sum itself. The pieces begin where they begin whatever comes behind, and with them every rounding.
    """
    n = v.shape[-1]
    if n <= _PIECE:
        total = v.copy()
        for i in range(1, n):
            total[..., i] += keep[i] * total[..., i - 1]
        return total
    count = -(-n // _PIECE)
    # The last piece is filled up with points that are thrown away. A row has one point of each piece.
    left = np.zeros((count, _PIECE))
    left.reshape(-1)[:n] = keep
    left = left.T.copy()
    total = np.zeros((*v.shape[:-1], count, _PIECE))
    total.reshape(*v.shape[:-1], -1)[..., :n] = v
    total = np.ascontiguousarray(np.moveaxis(total, -1, 0))
    for i in range(1, _PIECE):
        total[i] += left[i] * total[i - 1]
        left[i] *= left[i - 1]
    carried = _decaying_sum(left[-1], total[-1])
    for i in range(_PIECE):
        total[i, ..., 1:] += left[i, 1:] * carried[..., :-1]
    return np.moveaxis(total, 0, -1).reshape(*v.shape[:-1], -1)[..., :n]


def _window_sum(v: Floats, window: int) -> Floats:
    """Return the sums of all ``window`` neighbours, put together from sums of 1, 2, 4, ... neighbours."""
    length = len(v) - window + 1
    total, sums, width, done = np.zeros(length), v, 1, 0
    while True:
        if window & width:
            total += sums[done : done + length]
            done += width
        if done == window:
            return total
        sums = sums[:-width] + sums[width:]
        width *= 2


def _gauss_mean_of_even(v: Floats, gap: float) -> Floats:
    """Return the means of points whose neighbours are ``gap`` sigmas apart, more of them than within reach of one."""
    reach = int(_REACH / gap)
    shares = np.exp(-0.5 * (np.arange(-reach, reach + 1) * gap) ** 2)
    total = np.concatenate([[0.0], np.cumsum(shares)])
    places = np.arange(len(v))
    before, behind = np.minimum(places, reach), np.minimum(places[::-1], reach)
    means: Floats = np.convolve(v, shares, "same") / (total[reach + 1 + behind] - total[reach - before])
    return means


def _gauss_sum_by_pairs(places: Floats, columns: Floats) -> Floats:
    """Return each column's sums over all points, weighted by the Gaussian of their distance in sigmas."""
    sums = columns.copy()
    for j in range(1, len(places)):
        distance = places[j:] - places[:-j]
        if distance.min() > _REACH:
            break
        # At 40 sigmas exp is 0 already; a greater square could overflow.
        share = np.exp(-0.5 * np.minimum(distance, 40.0) ** 2)[:, np.newaxis]
        sums[j:] += share * columns[:-j]
        sums[:-j] += share * columns[j:]
    return sums


def _gauss_sum_by_cells(places: Floats, columns: Floats) -> Floats:
    """Return the same sums in time that does not depend on how many neighbours a point has (fast Gauss transform).

    Points fall in cells one sigma wide. For a source s and a target t in cells whose centres are d apart, with offsets
    a = s - centre and b = t - centre, Taylor's series of the Gaussian G around d gives::

        G(d + b - a) = sum over k, m of  (-a)^k / k! * b^m / m! * G^(k + m)(d)

    which is sums of powers per source cell, one small matrix per distance of cells and a polynomial per target cell.
    (Greengard and Strain, The fast Gauss transform, 1991.)
    """
    cells = np.floor(places)
    offsets = places - (cells + 0.5)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(cells)) + 1])
    cell_of_point = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(cells)))
    occupied = cells[starts]

    moments = np.empty((columns.shape[1], len(starts), _TERMS))
    power = columns.T.copy()
    for k in range(_TERMS):
        moments[:, :, k] = np.add.reduceat(power, starts, axis=1)
        power *= -offsets / (k + 1)

    local = np.zeros_like(moments)
    for distance in range(-_REACH, _REACH + 1):
        source = np.minimum(np.searchsorted(occupied, occupied - distance), len(occupied) - 1)
        target = np.flatnonzero(occupied[source] == occupied - distance)
        local[:, target] += moments[:, source[target]] @ _translation(distance)

    sums = np.zeros_like(power)
    for m in reversed(range(_TERMS)):
        sums = sums * offsets + local[:, cell_of_point, m]
    return sums.T


def _translation(distance: int) -> Floats:
    """Return G^(k + m)(distance) / m! for k, m below the number of terms; G^(p)(d) = (-1)^p He_p(d) exp(-d^2 / 2)."""
    orders = np.arange(2 * _TERMS - 1)
    hermite = hermevander(np.array([float(distance)]), 2 * _TERMS - 2)[0]
    derivatives = (-1.0) ** orders * hermite * math.exp(-0.5 * distance**2)
    k, m = np.ogrid[:_TERMS, :_TERMS]
    matrix: Floats = derivatives[k + m] / np.array([math.factorial(i) for i in range(_TERMS)], np.float64)
    return matrix
