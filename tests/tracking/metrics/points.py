"""Points as tests write and compare them."""

import struct
from collections.abc import Iterable

import numpy as np
from hypothesis import strategies as st

from tracking.metrics.codec import Points

Row = tuple[int, int, float]
INT64 = st.integers(-(2**63), 2**63 - 1)
# Few numbers, so that equals are common, beside any.
ROW = st.tuples(
    st.integers(0, 300) | INT64,
    st.integers(0, 300) | st.integers(0, 2**63 - 1),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), float("-inf")]) | st.floats(),
)


def points_of(rows: Iterable[Row]) -> Points:
    """Return points of (step, timestamp, value)."""
    steps, times, values = zip(*rows, strict=True) if (rows := list(rows)) else ((), (), ())
    return Points(np.array(steps, np.int64), np.array(times, np.int64), np.array(values, np.float64))


def rows_of(points: Points) -> list[tuple[int, int, bytes]]:
    """Return rows in which equal bits are equal, NaN too."""
    return [
        (step, time, struct.pack("<d", value))
        for step, time, value in zip(
            points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist(), strict=True
        )
    ]


def distinct(rows: Iterable[Row]) -> set[tuple[int, int, bytes]]:
    """Return what a store that forgets nothing and doubles nothing has of these rows; all NaN are one."""
    return {(step, time, struct.pack("<d", float("nan") if value != value else value)) for step, time, value in rows}


def kept(points: Points) -> set[tuple[int, int, bytes]]:
    """Return the points as ``distinct`` does."""
    return distinct(zip(points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist(), strict=True))


def curve(count: int, *, seed: int = 0, start: int = 0) -> Points:
    """Return a falling, noisy loss: a step a point, some 250 ms apart."""
    rng = np.random.default_rng(seed)
    steps = np.arange(start, start + count)
    times = 1_700_000_000_000 + 250 * steps + rng.integers(0, 50, count)
    return Points(steps, times, 2 * np.exp(-steps / 3000) + rng.normal(0, 0.05, count))
