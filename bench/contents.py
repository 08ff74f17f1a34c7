"""What the read workloads read: made from numbers alone, so that each right answer is known without asking anybody."""

import numpy as np

from bench.api import BORN_MS

PARAMS, METRICS, TAGS = 20, 20, 10
RUN_S = 1_000  # milliseconds between the starts of two runs
Curve = tuple[list[int], list[float]]


def started_ms(run: int) -> int:
    return BORN_MS + run * RUN_S


def metric(run: int, number: int) -> float:
    """Return a value that looks random, from 0 to 1."""
    return _mixed(run, number) / 2**32


def param(run: int, number: int) -> str:
    return f"v{_mixed(run, 100 + number) % 10}"


def tag(run: int, number: int) -> str:
    return f"t{_mixed(run, 200 + number) % 50}"


def curve(run: int, points: int) -> Curve:
    """Return the times and values of an ordinary curve: a falling loss with noise, some 250 ms from step to step."""
    rng = np.random.default_rng(run)
    steps = np.arange(points)
    times = BORN_MS + 250 * steps + rng.integers(0, 50, points)
    values = 2 * np.exp(-steps / (points / 3)) + rng.normal(0, 0.05, points)
    return times.tolist(), values.tolist()


def _mixed(run: int, number: int) -> int:
    """Return 32 bits that depend on all bits of both (the end of MurmurHash3)."""
    mixed = (run * 2654435761 + number * 2654404609 + 12345) & 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        mixed = (mixed ^ mixed >> shift) * factor & 0xFFFFFFFF
    return mixed
