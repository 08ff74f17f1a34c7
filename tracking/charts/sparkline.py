"""A curve as small as a word: the path of an SVG, 100 units wide and 20 high."""

import numpy as np
from numpy.typing import NDArray

from tracking.metrics.codec import Points
from tracking.metrics.pyramid import Buckets

WIDTH, HEIGHT, MARGIN = 100, 20, 1.5
MOST_POINTS = 48


def sparkline(found: Points | Buckets) -> str:
    """Return the path of a curve over its steps; "" where fewer than two values are finite.

    Of many points the least and the greatest of each part stay, so that a spike is seen.
    """
    steps, values = _curve(found)
    is_finite = np.isfinite(values)
    steps, values = steps[is_finite], values[is_finite]
    if len(values) < 2:
        return ""
    steps, values = _reduced(steps, values)
    x = _scaled(steps, WIDTH)
    y = HEIGHT - _scaled(values, HEIGHT)
    points = " ".join(f"{a:.4g} {b:.3g}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    return f"M{points}"


def _curve(found: Points | Buckets) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the steps and the values to draw: of buckets the lowest and the highest."""
    if isinstance(found, Points):
        return found.steps.astype(np.float64), found.values
    full = found[found["count"] > 0]
    steps = np.concatenate([full["low_step"], full["high_step"]])
    order = np.argsort(steps, kind="stable")
    return steps[order].astype(np.float64), np.concatenate([full["low_value"], full["high_value"]])[order]


def _reduced(
    steps: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(values) <= MOST_POINTS:
        return steps, values
    edges = np.linspace(0, len(values), MOST_POINTS // 2 + 1).astype(int)
    kept = {0, len(values) - 1}
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = values[start:end]
        kept |= {start + int(np.argmin(part)), start + int(np.argmax(part))}
    places = sorted(kept)
    return steps[places], values[places]


def _scaled(values: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """Return values moved into the room between the margins; equal values into its middle."""
    low = values.min() / 2  # halved, because the distance of 1e308 and -1e308 is infinite
    span = values.max() / 2 - low
    if not span > 0:
        return np.full(len(values), size / 2)
    part: NDArray[np.float64] = (values / 2 - low) / span
    return MARGIN + part * (size - 2 * MARGIN)
