"""Summaries of a block's points over 2^6, 2^10 and 2^14 steps, so that a long curve is drawn without reading it.

A bucket of level L holds the points whose step divided by 2^L, rounded down, is its number: aligned to zero like the
buckets of ``downsample``, and nested, so that a wide bucket is made of whole narrow ones. Every point is in one block,
so the summaries of two blocks that share a bucket are merged by adding and comparing.

A block's summaries are stored as a zstd frame of ``BUCKET`` and, where the times of its points ascend with their steps,
a second one of ``TIMES``: when the points were logged that the first names by their steps. Blocks of an earlier version
have no second frame.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
TIMES = np.dtype([(f"{name}_ms", "<i8") for name in (*POINTS, *KINDS)])
_TIMED = np.dtype([*BUCKET.descr, *TIMES.descr])
Buckets = NDArray[np.void]
"""Of dtype ``BUCKET``, ascending by ``number``. Where a count is 0, what it counts has step and value 0.

A step may stand for another position of which a chart makes its axis, a time in milliseconds.
"""
Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


def level_for(width: float) -> int | None:
    """Return the widest level whose buckets make up buckets of ``width``, a power of two; None if none is as narrow."""
    return max((level for level in LEVELS if 1 << level <= width), default=None)


def summarise(points: Points, level: int) -> Buckets:
    """Return the buckets of distinct points that are sorted by step, timestamp, value."""
    return summarise_at(points.steps, points.values, points.steps >> level)


def summarise_at(positions: Indices, values: Floats, numbers: Indices) -> Buckets:
    """Return a bucket for each run of equal numbers, positions in the place of steps."""
    return _reduce(_columns_of(positions, values), numbers, BUCKET)


def build(points: Points) -> list[bytes]:
    """Return the buckets of every level as they are stored; the points as ``summarise`` takes them."""
    columns, dtype = _columns_of(points.steps, points.values), BUCKET
    if np.all(points.timestamps_ms[1:] >= points.timestamps_ms[:-1]):
        columns |= dict.fromkeys(TIMES.names or (), points.timestamps_ms)
        dtype = _TIMED
    levels = [_reduce(columns, points.steps >> LEVELS[0], dtype)]
    for below, level in itertools.pairwise(LEVELS):
        levels.append(merge(levels[-1:], by=level - below))
    return [encode_buckets(buckets) for buckets in levels]


def _columns_of(positions: Indices, values: Floats) -> dict[str, NDArray[Any]]:
    finite = np.isfinite(values)
    real = np.where(finite, values, 0)
    columns: dict[str, NDArray[Any]] = {"count": finite.astype(np.int64), "sum": real}
    with np.errstate(over="ignore"):
        columns["sum_of_squares"] = real * real
    for point in POINTS:
        columns |= {f"{point}_step": positions, f"{point}_value": real}
    for kind, is_kind in zip(KINDS, (values == -np.inf, np.isnan(values), values == np.inf), strict=True):
        columns |= {f"{kind}_count": is_kind.astype(np.int64), f"{kind}_step": positions}
    return columns


def merge(parts: Sequence[Buckets], *, by: int = 0) -> Buckets:
    """Return the buckets of all parts, ``by`` levels wider; a part's points come after those of the part before.

    Of points that are equally low or high, the first stays.
    """
    joined = join(parts)
    numbers = joined["number"] >> by
    if np.any(numbers[1:] < numbers[:-1]):
        order = np.argsort(numbers, kind="stable")
        joined, numbers = joined[order], numbers[order]
    return regroup(joined, numbers)


def join(parts: Sequence[Buckets]) -> Buckets:
    """Return the buckets of all parts, one part after the other, as they are."""
    # Joined as bytes: numpy would compare the fields of every part with those of every other (half of a chart's time).
    return parts[0] if len(parts) == 1 else np.frombuffer(b"".join(part.tobytes() for part in parts), parts[0].dtype)


def regroup(buckets: Buckets, numbers: Indices) -> Buckets:
    """Return one bucket for each run of equal numbers, ascending; the points of a bucket before come before."""
    return _reduce({name: buckets[name] for name in buckets.dtype.names or ()}, numbers, buckets.dtype)


def bounds_of(buckets: Buckets) -> tuple[Indices, Indices]:
    """Return the first and the last position that each bucket names; all of them hold a point."""
    limits = np.iinfo(np.int64)
    has_any = buckets["count"] > 0
    start = np.where(has_any, buckets["first_step"], limits.max)
    end = np.where(has_any, buckets["last_step"], limits.min)
    for kind in KINDS:
        has_any = buckets[f"{kind}_count"] > 0
        if has_any.any():
            start = np.minimum(start, np.where(has_any, buckets[f"{kind}_step"], limits.max))
            end = np.maximum(end, np.where(has_any, buckets[f"{kind}_step"], limits.min))
    return start, end


def _reduce(columns: Mapping[str, NDArray[Any]], numbers: Indices, dtype: np.dtype[Any]) -> Buckets:
    """Return one bucket for each run of equal numbers."""
    starts = starts_of(numbers)
    reduced = np.zeros(len(starts), dtype)
    reduced["number"] = numbers[starts]
    if not len(starts):
        return reduced
    place = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(numbers)))
    with np.errstate(over="ignore", invalid="ignore"):
        for name in ("count", "sum", "sum_of_squares", *(f"{kind}_count" for kind in KINDS)):
            reduced[name] = np.add.reduceat(columns[name], starts)

    def keep(which: Indices, name: str, *parts: str) -> None:
        for part in parts:
            if f"{name}_{part}" in columns:
                reduced[f"{name}_{part}"][place[which]] = columns[f"{name}_{part}"][which]

    for kind in KINDS:
        having = np.flatnonzero(columns[f"{kind}_count"])
        if len(having):
            keep(having[starts_of(place[having])], kind, "step", "ms")
    finite = np.flatnonzero(columns["count"])
    if len(finite):
        starts = starts_of(place[finite])
        sizes = np.diff(starts, append=len(finite))
        keep(finite[starts], "first", "step", "value", "ms")
        keep(finite[starts + sizes - 1], "last", "step", "value", "ms")
        for point, extreme in (("low", np.minimum), ("high", np.maximum)):
            values = columns[f"{point}_value"][finite]
            hits = finite[values == np.repeat(extreme.reduceat(values, starts), sizes)]
            keep(hits[starts_of(place[hits])], point, "step", "value", "ms")
    return reduced


def encode_buckets(buckets: Buckets) -> bytes:
    """Pack buckets, compressed."""
    compressor = zstandard.ZstdCompressor(level=3)
    frames = [compressor.compress(buckets[list(BUCKET.names or ())].astype(BUCKET).tobytes())]
    if buckets.dtype == _TIMED:
        times = buckets[list(TIMES.names or ())].astype(TIMES)
        for point in POINTS[1:]:
            times[f"{point}_ms"] -= times["first_ms"]  # small numbers
        frames.append(compressor.compress(times.tobytes()))
    return b"".join(frames)


def decode_buckets(payload: bytes | memoryview) -> Buckets:
    """Unpack what ``encode_buckets`` wrote, without the times."""
    return np.frombuffer(zstandard.ZstdDecompressor().decompress(payload), BUCKET)


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """The buckets of several blocks, one block after the other: from ``starts`` up to ``ends``."""

    buckets: Buckets
    starts: Sequence[int]
    ends: Sequence[int]


def decode_placed(payloads: Sequence[bytes | memoryview], *, is_timed: bool) -> Decoded | None:
    """Unpack what ``encode_buckets`` wrote, perhaps with times in the place of steps; None: some have no times."""
    decompressor = zstandard.ZstdDecompressor()
    plain, times = [], []
    for payload in payloads:
        if not is_timed:
            plain.append(decompressor.decompress(payload))
            continue
        first = decompressor.decompressobj()
        plain.append(first.decompress(payload))
        if not first.unused_data:
            return None
        times.append(decompressor.decompress(first.unused_data))
    ends = list(itertools.accumulate(len(one) // BUCKET.itemsize for one in plain))
    buckets = np.frombuffer(bytearray(b"".join(plain)), BUCKET)
    if is_timed:
        named = np.frombuffer(b"".join(times), TIMES)
        for name in (*POINTS, *KINDS):
            buckets[f"{name}_step"] = named[f"{name}_ms"]
        for point in POINTS[1:]:
            buckets[f"{point}_step"] += named["first_ms"]
    return Decoded(buckets, [0, *ends[:-1]], ends)


def starts_of(ascending: NDArray[Any]) -> Indices:
    """Return where each run of equal numbers begins."""
    is_start = np.ones(len(ascending), np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=is_start[1:])
    return np.flatnonzero(is_start)
