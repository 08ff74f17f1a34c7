"""Metric points as columns, and as the bytes of one append-only segment.

A segment holds the points of one request, whatever their keys, little-endian and without padding:

    version u1 | keys u4 | points u4 | key id i8 x keys | index x points | step i8 x points | timestamp i8 x points
    | value f8 x points

``index`` says which of the keys a point belongs to: absent when there is one key, u2 up to 65,536 keys, else u4.
Version 2 is the same, compressed: a byte of 2, then what zstd makes of a version 1.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import zstandard
from numpy.typing import NDArray

VERSION, COMPRESSED_VERSION = 1, 2
_HEADER = struct.Struct("<BII")


class SegmentError(ValueError):
    """A stored segment is not what ``encode_segment`` writes."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The points of one metric series, one array a column; timestamps in milliseconds since 1970, UTC."""

    steps: NDArray[np.int64]
    timestamps_ms: NDArray[np.int64]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not len(self.steps) == len(self.timestamps_ms) == len(self.values):
            raise ValueError(
                f"Columns differ in length: {len(self.steps)} steps, {len(self.timestamps_ms)} timestamps, "
                f"{len(self.values)} values"
            )

    def __len__(self) -> int:
        return len(self.values)

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Self:
        """Return the points that a mask or an array of indices chooses, in its order, copied; or a slice's, shared."""
        return type(self)(self.steps[which], self.timestamps_ms[which], self.values[which])

    @classmethod
    def empty(cls) -> Self:
        """Return no points."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))

    @classmethod
    def concat(cls, parts: Sequence["Points"]) -> Self:
        """Return the points of all parts, one part after the other."""
        if not parts:
            return cls.empty()
        return cls(
            np.concatenate([part.steps for part in parts]),
            np.concatenate([part.timestamps_ms for part in parts]),
            np.concatenate([part.values for part in parts]),
        )


def encode_segment(key_ids: Sequence[int], points: Points) -> bytes:
    """Pack points, each with the id of its key, in the order given; equal input gives equal bytes."""
    return encode_rows(key_ids, points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist())


def encode_rows(
    key_ids: Sequence[int], steps: Sequence[int], timestamps_ms: Sequence[int], values: Sequence[float]
) -> bytes:
    """Do the same from plain numbers: making arrays of the few that a request brings takes longer than packing them."""
    count = len(values)
    if len(key_ids) != count:
        raise ValueError(f"{len(key_ids)} key ids for {count} points")
    keys = dict.fromkeys(key_ids)
    parts = [_HEADER.pack(VERSION, len(keys), count), struct.pack(f"<{len(keys)}q", *keys)]
    index_dtype = _index_dtype(len(keys))
    if index_dtype is not None:
        place_by_key = {key: place for place, key in enumerate(keys)}
        form = "H" if index_dtype == "<u2" else "I"
        parts.append(struct.pack(f"<{count}{form}", *map(place_by_key.__getitem__, key_ids)))
    integers, floats = struct.Struct(f"<{count}q"), struct.Struct(f"<{count}d")
    return b"".join((*parts, integers.pack(*steps), integers.pack(*timestamps_ms), floats.pack(*values)))


def compress_segment(payload: bytes) -> bytes:
    """Return a segment that says the same in fewer bytes."""
    return bytes([COMPRESSED_VERSION]) + zstandard.ZstdCompressor(level=3).compress(payload)


def is_compressed(payload: bytes) -> bool:
    """Tell whether ``compress_segment`` made a segment."""
    return payload[:1] == bytes([COMPRESSED_VERSION])


def decode_segment(payload: bytes | memoryview) -> dict[int, Points]:
    """Unpack all points by key id; keys and the points of a key come in the order in which they were sent.

    :raises SegmentError: if the payload is damaged or of another version.
    """
    keys, index, points = _read(payload)
    if index is None:
        return {key: points for key in keys}
    grouped = points.take(np.argsort(index, kind="stable"))
    ends = np.cumsum(np.bincount(index, minlength=len(keys))).tolist()
    starts = [0, *ends[:-1]]
    return {
        key: Points(grouped.steps[start:end], grouped.timestamps_ms[start:end], grouped.values[start:end])
        for key, start, end in zip(keys, starts, ends, strict=True)
    }


def decode_series(payload: bytes | memoryview, key_id: int) -> Points:
    """Unpack the points of one key, in the order in which they were sent; none if the key is not in the segment.

    :raises SegmentError: if the payload is damaged or of another version.
    """
    keys, index, points = _read(payload)
    if key_id not in keys:
        return Points.empty()
    return points if index is None else points.take(index == keys.index(key_id))


def distinct_sorted(points: Points) -> Points:
    """Return every distinct point once, by timestamp, step, value with NaN last: the order of MLflow's get-history.

    All NaN are one value; 0.0 and -0.0 are two, for their bits differ. Points in order already, the usual case, cost
    two passes.
    """
    steps, times, values = points.steps, points.timestamps_ms, points.values
    later = times[1:] > times[:-1]
    if np.all(later | ((times[1:] == times[:-1]) & (steps[1:] > steps[:-1]))):
        return points
    bits = np.where(np.isnan(values), np.nan, values).view(np.int64)
    order = np.lexsort((bits, values, steps, times))
    is_new = np.ones(len(points), np.bool_)
    is_new[1:] = np.logical_or.reduce([np.diff(column[order]) != 0 for column in (times, steps, bits)])
    return points.take(order[is_new])


def by_step(points: Points) -> Points:
    """Return points that are sorted by timestamp, step, value sorted by step, timestamp, value."""
    if np.all(points.steps[1:] >= points.steps[:-1]):
        return points
    return points.take(np.argsort(points.steps, kind="stable"))


def latest(points: Points) -> int:
    """Return the index of what MLflow calls the latest metric: the greatest (step, timestamp, value), NaN taken as 0.

    Of equals, the first.

    :raises ValueError: if there is no point.
    """
    if not len(points):
        raise ValueError("A series without points has no latest one")
    rivals = np.flatnonzero(points.steps == points.steps.max())
    times = points.timestamps_ms[rivals]
    rivals = rivals[times == times.max()]
    values = points.values[rivals]
    return int(rivals[np.argmax(np.where(np.isnan(values), 0.0, values))])


def _index_dtype(key_count: int) -> str | None:
    if key_count <= 1:
        return None
    return "<u2" if key_count <= 1 << 16 else "<u4"


def _read(payload: bytes | memoryview) -> tuple[list[int], NDArray[np.int64] | None, Points]:
    """Check a payload; return its distinct keys, the place of each point's key among them (None: one key), its points.

    The arrays are copies: aligned, native and writable, and they do not keep the payload alive.
    """
    if is_compressed(bytes(payload[:1])):
        try:
            payload = zstandard.ZstdDecompressor().decompress(memoryview(payload)[1:])
        except zstandard.ZstdError as error:
            raise SegmentError(f"Segment cannot be decompressed: {error}") from None
    size = memoryview(payload).nbytes
    if size < _HEADER.size:
        raise SegmentError(f"Segment of {size} bytes is shorter than its {_HEADER.size}-byte header")
    version, key_count, point_count = _HEADER.unpack_from(payload)
    if version != VERSION:
        raise SegmentError(f"Segment has version {version}; only version {VERSION} is known")
    if bool(key_count) != bool(point_count):
        raise SegmentError(f"Segment names {key_count} keys for {point_count} points")
    index_dtype = _index_dtype(key_count)
    index_size = 0 if index_dtype is None else np.dtype(index_dtype).itemsize
    expected = _HEADER.size + 8 * key_count + (index_size + 24) * point_count
    if size != expected:
        raise SegmentError(
            f"Segment of {key_count} keys and {point_count} points must have {expected} bytes, it has {size}"
        )
    offset = _HEADER.size
    keys: list[int] = np.frombuffer(payload, "<i8", key_count, offset).tolist()
    if len(set(keys)) != key_count:
        raise SegmentError("Segment names a key twice")
    offset += 8 * key_count
    index: NDArray[np.int64] | None = None
    if index_dtype is not None:
        index = np.frombuffer(payload, index_dtype, point_count, offset).astype(np.int64)
        if index.max() >= key_count:
            raise SegmentError(f"Segment has a point of key {index.max()} of {key_count}, counted from 0")
        offset += index_size * point_count
    columns = [
        np.frombuffer(payload, dtype, point_count, offset + 8 * point_count * place)
        for place, dtype in enumerate(("<i8", "<i8", "<f8"))
    ]
    points = Points(columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2].astype(np.float64))
    return keys, index, points
