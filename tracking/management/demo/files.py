"""Small artifacts: text, JSON, CSV, and pictures without a picture library."""

import csv
import io
import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tracking.management.demo.plans import Floats

CELL_PX = 28
LIGHT, DARK = np.array([247.0, 251.0, 255.0]), np.array([8.0, 48.0, 107.0])


def text(content: str) -> bytes:
    """Return text as a file."""
    return content.strip().encode() + b"\n"


def json_file(value: Mapping[str, object]) -> bytes:
    """Return JSON that people can read."""
    return json.dumps(value, indent=2).encode() + b"\n"


def csv_file(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a table."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return output.getvalue().encode()


def logged_table(columns: Mapping[str, Sequence[object]]) -> bytes:
    """Return a table as ``mlflow.log_table`` writes it."""
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return json.dumps({"columns": list(columns), "data": rows}).encode()


def heat_map(matrix: Floats) -> bytes:
    """Return a PNG with a square for each number, the darker the greater."""
    shades = (matrix - matrix.min()) / (np.ptp(matrix) or 1.0)
    small = LIGHT + (DARK - LIGHT) * shades[..., None]
    large = np.kron(small, np.ones((CELL_PX, CELL_PX, 1)))
    large[::CELL_PX] = large[:, ::CELL_PX] = 255.0
    return _png(large.astype(np.uint8))


def _png(pixels: "np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]") -> bytes:
    """Return RGB pixels (height, width, 3) as PNG: a header, every line unfiltered and deflated, an end."""
    height, width, _ = pixels.shape
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
