"""Where a chart puts points along its axis, and the buckets that it makes of them there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.metrics.codec import Points

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """What x is: a point's step, or its time, in milliseconds since 1970 or in seconds since ``zero_ms``.

    A point's position is the whole number that x is made of, its step or its timestamp. ``is_log``: x is drawn by its
    logarithm, and what is not above 0 has no place.
    """

    is_time: bool = False
    zero_ms: int | None = None
    is_log: bool = False

    def positions(self, points: Points) -> Indices:
        """Return the positions of points."""
        return points.timestamps_ms if self.is_time else points.steps

    def x(self, positions: Indices) -> Floats:
        """Return x at positions."""
        if self.zero_ms is None:
            return positions.astype(np.float64)
        return (positions - self.zero_ms) / 1000

    @property
    def unit(self) -> int:
        """How many positions apart one x is from the next whole one."""
        return 1 if self.zero_ms is None else 1000


@dataclass(frozen=True, slots=True)
class Grid:
    """Buckets of an axis, ``width`` wide in x or in log2(x); ``range``: of x, ends included, finite."""

    axis: Axis
    width: float
    range: tuple[float, float]

    def numbers(self, x: Floats) -> Indices:
        """Return which bucket each x is in; they have a place on the axis."""
        return np.floor((np.log2(x) if self.axis.is_log else x) / self.width).astype(np.int64)

    def spans(self, x: Floats) -> Floats:
        """Return how many positions wide the bucket is that each x is in, 0 where the axis has no place for it."""
        if not self.axis.is_log:
            return np.full(len(x), self.width * self.axis.unit)
        with np.errstate(divide="ignore", invalid="ignore"):
            begin = np.exp2(np.floor(np.log2(x) / self.width) * self.width)
        return np.where(x > 0, begin, 0) * (2**self.width - 1) * self.axis.unit

    def holds(self, x: Floats) -> NDArray[np.bool_]:
        """Tell which x are in the range and have a place."""
        inside = (x >= self.range[0]) & (x <= self.range[1])
        return inside & (x > 0) if self.axis.is_log else inside
