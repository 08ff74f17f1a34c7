"""Summaries of a block's points over 2^6, 2^10 and 2^14 steps, so that a long curve is drawn without reading it.

A bucket of level L holds the points whose step divided by 2^L, rounded down, is its number: aligned to zero like the
buckets of ``downsample``, and nested, so that a wide bucket is made of whole narrow ones. Every point is in one block,
so the summaries of two blocks that share a bucket are merged by adding and comparing.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from tracking.metrics.codec import Points

LEVELS = (6, 10, 14)

POINTS = ("first", "low", "high", "last")
"""What is kept of the finite points of a bucket."""
KINDS = {"below": -1, "nan": 0, "above": 1}
"""Values that are not finite, -inf, NaN and inf, and the numbers that ``downsample`` has for them."""
BUCKET = np.dtype(
    [
        ("number", "<i8"),
        ("count", "<i8"),  # of finite points; the next ten are about these
        ("sum", "<f8"),
        ("sum_of_squares", "<f8"),
        *((f"{point}_{part}", kind) for point in POINTS for part, kind in (("step", "<i8"), ("value", "<f8"))),
        *((f"{kind}_count", "<i8") for kind in KINDS),
        *((f"{kind}_step", "<i8") for kind in KINDS),  # of the first one
    ]
)
_COLUMNS = BUCKET.names[1:] if BUCKET.names else ()
Buckets = NDArray[np.void]
"""Of dtype ``BUCKET``, ascending by ``number``. Where a count is 0, what it counts has step and value 0."""
Indices = NDArray[np.int64]


def level_for(width: float) -> int | None:
    """Return the widest level whose buckets make up buckets of ``width``, a power of two; None if none is as narrow."""
    return max((level for level in LEVELS if 1 << level <= width), default=None)


def summarise(points: Points, level: int) -> Buckets:
    """Return the buckets of distinct points that are sorted by step, timestamp, value."""
    finite = np.isfinite(points.values)
    values = np.where(finite, points.values, 0)
    columns = {"count": finite.astype(np.int64), "sum": values}
    with np.errstate(over="ignore"):
        columns["sum_of_squares"] = values * values
    for point in POINTS:
        columns |= {f"{point}_step": points.steps, f"{point}_value": values}
    for kind, is_kind in zip(
        KINDS, (points.values == -np.inf, np.isnan(points.values), points.values == np.inf), strict=True
    ):
        columns |= {f"{kind}_count": is_kind.astype(np.int64), f"{kind}_step": points.steps}
    return _reduce(columns, points.steps >> level)


def build(points: Points) -> list[Buckets]:
    """Return the buckets of every level; the points as ``summarise`` takes them."""
    levels = [summarise(points, LEVELS[0])]
    for below, level in itertools.pairwise(LEVELS):
        levels.append(merge(levels[-1:], by=level - below))
    return levels


def merge(parts: Sequence[Buckets], *, by: int = 0) -> Buckets:
    """Return the buckets of all parts, ``by`` levels wider; a part's points come after those of the part before.

    Of points that are equally low or high, the first stays.
    """
    # Joined as bytes: numpy would compare the fields of every part with those of every other (half of a chart's time).
    joined = parts[0] if len(parts) == 1 else np.frombuffer(b"".join(part.tobytes() for part in parts), BUCKET)
    numbers = joined["number"] >> by
    if np.any(numbers[1:] < numbers[:-1]):
        order = np.argsort(numbers, kind="stable")
        joined, numbers = joined[order], numbers[order]
    return _reduce({name: joined[name] for name in _COLUMNS}, numbers)


def _reduce(columns: Mapping[str, NDArray[Any]], numbers: Indices) -> Buckets:
    """Return one bucket for each run of equal numbers."""
    starts = starts_of(numbers)
    reduced = np.zeros(len(starts), BUCKET)
    reduced["number"] = numbers[starts]
    if not len(starts):
        return reduced
    place = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(numbers)))
    with np.errstate(over="ignore", invalid="ignore"):
        for name in ("count", "sum", "sum_of_squares", *(f"{kind}_count" for kind in KINDS)):
            reduced[name] = np.add.reduceat(columns[name], starts)

    def keep(which: Indices, *names: str) -> None:
        for name in names:
            reduced[name][place[which]] = columns[name][which]

    for kind in KINDS:
        having = np.flatnonzero(columns[f"{kind}_count"])
        keep(having[starts_of(place[having])], f"{kind}_step")
    finite = np.flatnonzero(columns["count"])
    if len(finite):
        starts = starts_of(place[finite])
        sizes = np.diff(starts, append=len(finite))
        keep(finite[starts], "first_step", "first_value")
        keep(finite[starts + sizes - 1], "last_step", "last_value")
        for point, extreme in (("low", np.minimum), ("high", np.maximum)):
            values = columns[f"{point}_value"][finite]
            hits = finite[values == np.repeat(extreme.reduceat(values, starts), sizes)]
            keep(hits[starts_of(place[hits])], f"{point}_step", f"{point}_value")
    return reduced


def encode_buckets(buckets: Buckets) -> bytes:
    """Pack buckets, compressed."""
    return zstandard.ZstdCompressor(level=3).compress(buckets.tobytes())


def decode_buckets(payload: bytes | memoryview) -> Buckets:
    """Unpack what ``encode_buckets`` wrote."""
    return np.frombuffer(zstandard.ZstdDecompressor().decompress(payload), BUCKET)


def starts_of(ascending: NDArray[Any]) -> Indices:
    """Return where each run of equal numbers begins."""
    is_start = np.ones(len(ascending), np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=is_start[1:])
    return np.flatnonzero(is_start)
