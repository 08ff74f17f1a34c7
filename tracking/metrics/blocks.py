"""Many points of one series as the bytes of one block: sorted, distinct, columnar, compressed, exact.

A block's points are sorted by step, timestamp, value (NaN last), each once. Its bytes:

    version u1 | points u4 | three columns: steps, timestamps in ms, values
    integer column = width u1 | shuffled u1 | first i8 | least difference i8 | bytes u4 | data
    value column = width u1 | shuffled u1 | bytes u4 | data

Integers are kept as differences to the one before, less the least of them, modulo 2^64, in the narrowest of 0, 1, 2, 4
and 8 bytes: evenly spaced steps take no byte at all. Values are kept in 4 bytes where that is exact (what comes from a
float32 tensor), else in 8. Data is compressed by zstd, after its bytes are shuffled (all first bytes, then all second
ones, ...) where that makes it smaller: noisy curves like it, rounded ones do not.
"""

import itertools
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from tracking.metrics.codec import Points, by_step, distinct_sorted

FULL = 16_384
"""Points of a full block: 1,000,000 points are 62 rows, and a late point costs rewriting some 130 kB."""

VERSION = 1
_LEVEL = 3  # of zstd; 1 is 0.5 % larger, 9 is 1 % smaller and four times slower (noise of a training loss)
_MOST = 1 << 26  # points of a sane block: damage must not ask for all memory
_HEADER = struct.Struct("<BI")
_INTEGERS = struct.Struct("<BBqqI")
_VALUES = struct.Struct("<BBI")
_UNSIGNED: dict[int, np.dtype[Any]] = {width: np.dtype(f"<u{width}") for width in (1, 2, 4, 8)}
_FLOATS: dict[int, np.dtype[Any]] = {width: np.dtype(f"<f{width}") for width in (4, 8)}


class BlockError(ValueError):
    """A stored block is not what ``encode_block`` writes."""


def merge(parts: list[Points]) -> Points:
    """Return every distinct point of all parts once, by step, timestamp, value."""
    return by_step(distinct_sorted(Points.concat(parts)))


def split(points: Points, *, most: int = FULL) -> list[Points]:
    """Cut a block's points into pieces of about ``most``.

    Points of equal step and timestamp stay together, so that a point that is sent again meets its twin.
    """
    pieces = max(1, round(len(points) / most))
    is_new = (np.diff(points.steps) != 0) | (np.diff(points.timestamps_ms) != 0)
    borders = np.flatnonzero(is_new) + 1
    wanted = np.arange(1, pieces) * len(points) // pieces
    places = np.searchsorted(borders, wanted)
    cuts = np.unique(borders[places[places < len(borders)]]).tolist()
    return [points.take(slice(start, end)) for start, end in zip([0, *cuts], [*cuts, len(points)], strict=True)]


def encode_block(points: Points) -> bytes:
    """Pack sorted, distinct points; equal input gives equal bytes."""
    values = points.values
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = values.astype(np.float32)
    is_narrow = np.array_equal(narrow.astype(np.float64).view(np.int64), values.view(np.int64))
    column = narrow if is_narrow else values
    data, is_shuffled = _pack(column.astype(_FLOATS[column.itemsize], copy=False))
    return b"".join(
        (
            _HEADER.pack(VERSION, len(points)),
            _encode_integers(points.steps),
            _encode_integers(points.timestamps_ms),
            _VALUES.pack(column.itemsize, is_shuffled, len(data)),
            data,
        )
    )


def decode_block(payload: bytes | memoryview) -> Points:
    """Unpack the points of a block.

    :raises BlockError: if the payload is damaged or of another version.
    """
    return decode_blocks([payload])


def decode_blocks(payloads: Sequence[bytes | memoryview], behind: Sequence[Points] = ()) -> Points:
    """Unpack the points of blocks one after the other, and put others behind them. Every point is written once.

    :raises BlockError: as ``decode_block``.
    """
    views = [memoryview(payload) for payload in payloads]
    counts = [*map(_count, views), *map(len, behind)]
    total = sum(counts)
    found = Points(np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total))
    ends = list(itertools.accumulate(counts))
    pieces = [found.take(slice(end - count, end)) for count, end in zip(counts, ends, strict=True)]
    for view, piece in zip(views, pieces, strict=False):
        _decode(view, piece)
    for points, piece in zip(behind, pieces[len(views) :], strict=True):
        piece.steps[:], piece.timestamps_ms[:], piece.values[:] = points.steps, points.timestamps_ms, points.values
    return found


def _count(view: memoryview) -> int:
    try:
        version, count = _HEADER.unpack_from(view)
    except struct.error as error:
        raise BlockError(f"Block is damaged: {error}") from None
    if version != VERSION:
        raise BlockError(f"Block has version {version}; only version {VERSION} is known")
    if count > _MOST:
        raise BlockError(f"Block says that it has {count} points")
    return int(count)


def _decode(view: memoryview, points: Points) -> None:
    """Unpack a block into as many points as it has."""
    try:
        offset = _decode_integers(view, _HEADER.size, points.steps)
        offset = _decode_integers(view, offset, points.timestamps_ms)
        width, is_shuffled, size = _VALUES.unpack_from(view, offset)
        offset += _VALUES.size
        if offset + size != len(view):
            raise BlockError(f"Block of {len(view)} bytes should have {offset + size}")
        if width == points.values.itemsize:
            _unpack(view[offset:], points.values, is_shuffled=bool(is_shuffled))
        else:
            narrow = np.empty(len(points), _FLOATS[width])
            _unpack(view[offset:], narrow, is_shuffled=bool(is_shuffled))
            points.values[:] = narrow
    except (struct.error, zstandard.ZstdError, KeyError, ValueError) as error:
        raise error if isinstance(error, BlockError) else BlockError(f"Block is damaged: {error}") from None


def _encode_integers(column: NDArray[np.int64]) -> bytes:
    differences = np.diff(column.view(np.uint64))
    least = int(differences.view(np.int64).min()) if len(differences) else 0
    rest = differences - np.uint64(least % 2**64)
    most = int(rest.max()) if len(rest) else 0
    width = next(width for width in (0, 1, 2, 4, 8) if most < 1 << 8 * width)
    data, is_shuffled = _pack(rest.astype(_UNSIGNED[width])) if width else (b"", False)
    first = int(column[0]) if len(column) else 0
    return _INTEGERS.pack(width, is_shuffled, first, least, len(data)) + data


def _decode_integers(view: memoryview, offset: int, found: NDArray[np.int64]) -> int:
    """Unpack a column; return where the next one begins."""
    width, is_shuffled, first, least, size = _INTEGERS.unpack_from(view, offset)
    offset += _INTEGERS.size
    column = found.view(np.uint64)
    if len(column):
        column[0] = first % 2**64
    if len(column) > 1:
        if width:
            rest = np.empty(len(column) - 1, _UNSIGNED[width])
            _unpack(view[offset : offset + size], rest, is_shuffled=bool(is_shuffled))
            np.add(rest, np.uint64(least % 2**64), out=column[1:])
        else:
            column[1:] = least % 2**64
        np.cumsum(column, out=column)
    return int(offset + size)


def _pack(column: NDArray[np.generic]) -> tuple[bytes, bool]:
    """Return the compressed bytes of a column, and whether they were shuffled before: whichever is smaller."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    plain = compressor.compress(column.tobytes())
    if column.itemsize == 1:
        return plain, False
    by_place = np.ascontiguousarray(column.view(np.uint8).reshape(-1, column.itemsize).T)
    shuffled = compressor.compress(by_place.tobytes())
    return (shuffled, True) if len(shuffled) < len(plain) else (plain, False)


def _unpack(data: memoryview, column: NDArray[Any], *, is_shuffled: bool) -> None:
    raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=column.nbytes)
    if len(raw) != column.nbytes:
        raise BlockError(f"Block has a column of {len(raw)} bytes that should have {column.nbytes}")
    if not is_shuffled:
        column[:] = np.frombuffer(raw, column.dtype)
        return
    places = column.view(np.uint8).reshape(-1, column.itemsize)
    for place, part in enumerate(np.frombuffer(raw, np.uint8).reshape(column.itemsize, -1)):
        places[:, place] = part  # four times faster than to transpose all at once
