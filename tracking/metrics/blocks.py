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

import struct
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
    view = memoryview(payload)
    try:
        version, count = _HEADER.unpack_from(view)
        if version != VERSION:
            raise BlockError(f"Block has version {version}; only version {VERSION} is known")
        if count > _MOST:
            raise BlockError(f"Block says that it has {count} points")
        offset = _HEADER.size
        steps, offset = _decode_integers(view, offset, count)
        timestamps, offset = _decode_integers(view, offset, count)
        width, is_shuffled, size = _VALUES.unpack_from(view, offset)
        offset += _VALUES.size
        if offset + size != len(view):
            raise BlockError(f"Block of {len(view)} bytes should have {offset + size}")
        values = _unpack(view[offset:], _FLOATS[width], count, is_shuffled=bool(is_shuffled))
    except (struct.error, zstandard.ZstdError, KeyError, ValueError) as error:
        raise error if isinstance(error, BlockError) else BlockError(f"Block is damaged: {error}") from None
    return Points(steps, timestamps, values.astype(np.float64))


def _encode_integers(column: NDArray[np.int64]) -> bytes:
    differences = np.diff(column.view(np.uint64))
    least = int(differences.view(np.int64).min()) if len(differences) else 0
    rest = differences - np.uint64(least % 2**64)
    most = int(rest.max()) if len(rest) else 0
    width = next(width for width in (0, 1, 2, 4, 8) if most < 1 << 8 * width)
    data, is_shuffled = _pack(rest.astype(_UNSIGNED[width])) if width else (b"", False)
    first = int(column[0]) if len(column) else 0
    return _INTEGERS.pack(width, is_shuffled, first, least, len(data)) + data


def _decode_integers(view: memoryview, offset: int, count: int) -> tuple[NDArray[np.int64], int]:
    width, is_shuffled, first, least, size = _INTEGERS.unpack_from(view, offset)
    offset += _INTEGERS.size
    column = np.empty(count, np.uint64)
    if count:
        column[0] = first % 2**64
    if count > 1:
        column[1:] = least % 2**64
        if width:
            rest = _unpack(view[offset : offset + size], _UNSIGNED[width], count - 1, is_shuffled=bool(is_shuffled))
            column[1:] += rest.astype(np.uint64)
        np.cumsum(column, out=column)
    return column.view(np.int64), offset + size


def _pack(column: NDArray[np.generic]) -> tuple[bytes, bool]:
    """Return the compressed bytes of a column, and whether they were shuffled before: whichever is smaller."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    plain = compressor.compress(column.tobytes())
    if column.itemsize == 1:
        return plain, False
    by_place = np.ascontiguousarray(column.view(np.uint8).reshape(-1, column.itemsize).T)
    shuffled = compressor.compress(by_place.tobytes())
    return (shuffled, True) if len(shuffled) < len(plain) else (plain, False)


def _unpack(data: memoryview, dtype: np.dtype[Any], count: int, *, is_shuffled: bool) -> NDArray[Any]:
    size = count * dtype.itemsize
    raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
    if len(raw) != size:
        raise BlockError(f"Block has a column of {len(raw)} bytes that should have {size}")
    places = np.frombuffer(raw, np.uint8)
    if is_shuffled:
        places = np.ascontiguousarray(places.reshape(dtype.itemsize, count).T)
    return places.reshape(-1).view(dtype)
