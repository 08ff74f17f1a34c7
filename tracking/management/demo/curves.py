"""Curves as training draws them: how losses fall, learning rates warm up, and noise sits on top."""

import numpy as np

from tracking.management.demo.plans import Floats, Steps


def every(stride: int, *, last: int) -> Steps:
    """Return the steps 0, stride, 2 stride, … up to ``last``."""
    return np.arange(0, last + 1, stride, dtype=np.int64)


def decay(steps: Steps, *, start: float, end: float, half_life: float) -> Floats:
    """Fall (or rise) from ``start`` towards ``end``: half of the way that is left every ``half_life`` steps."""
    values: Floats = end + (start - end) * np.exp2(-steps / half_life)
    return values


def noisy(rng: np.random.Generator, values: Floats, *, relative: float) -> Floats:
    """Put noise on a curve, in proportion to its height."""
    return values * np.exp(rng.normal(0.0, relative, len(values)))


def warm_up(steps: Steps, *, peak: float, warm: int, last: int) -> Floats:
    """Return a learning rate that rises in a line for ``warm`` steps and then falls along half a cosine to zero."""
    falling = 0.5 * (1.0 + np.cos(np.pi * np.clip((steps - warm) / max(1, last - warm), 0.0, 1.0)))
    rising = (steps + 1) / (warm + 1)
    rate: Floats = peak * np.where(steps < warm, rising, falling)
    return rate


def overfit(steps: Steps, *, since: int, slope: float) -> Floats:
    """Return what a validation loss gains after step ``since``: nothing before, then a line."""
    late: Floats = np.maximum(0.0, steps - float(since))
    return slope * late


def spike(values: Floats, *, at: int, height: float, width: float) -> Floats:
    """Lift a curve around one of its points, so that it comes down again within about ``width`` points."""
    places = np.arange(len(values)) - at
    return values + np.where(places >= 0, height * np.exp(-np.maximum(places, 0) / width), 0.0)


def diverge(values: Floats, *, at: int, over: int) -> Floats:
    """Let a curve explode from a point on and be NaN ``over`` points later, to its end."""
    places = np.arange(len(values)) - at
    exploding = values * np.exp(1.4 * np.clip(places, 0, over) / over)
    return np.where(places > over, np.nan, exploding)
