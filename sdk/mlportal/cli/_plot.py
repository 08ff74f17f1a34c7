"""A curve in a terminal, drawn with Braille dots: two by four to a character."""

import math
from collections.abc import Sequence

DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
EMPTY = 0x2800
BESIDE = 13


def plot(xs: Sequence[float], ys: Sequence[float], *, width: int = 72, height: int = 12) -> str:
    """Return a picture of a curve, ``width`` characters wide with its scale. No point is left out: spikes show.

    NaN and infinities have no place in it; a line below says how many there are.
    """
    points = [(x, y) for x, y in zip(xs, ys) if math.isfinite(y)]
    odd = len(ys) - len(points)
    note = f"\n{odd} values are NaN or infinite" if odd else ""
    if not points:
        return f"nothing to draw{note}"
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    columns, rows = max(width - BESIDE, 8), max(height, 3)
    cells = [[EMPTY] * columns for _ in range(rows)]
    previous = None
    for x, y in points:
        at = (_place(x, left, right, columns * 2), _place(y, low, high, rows * 4))
        for column, row in _line(previous or at, at):
            row = rows * 4 - 1 - row
            cells[row // 4][column // 2] |= DOTS[column % 2][row % 4]
        previous = at
    labels = {0: high, rows - 1: low}
    lines = [
        f"{_label(labels.get(at))} {'┤' if at in labels else '│'}{''.join(map(chr, row)).rstrip(chr(EMPTY))}"
        for at, row in enumerate(cells)
    ]
    axis = f"{left:g}{f'{right:g}':>{columns - len(f'{left:g}')}}"
    return "\n".join([*lines, " " * (BESIDE - 1) + axis]) + note


def _place(value: float, low: float, high: float, size: int) -> int:
    if high == low:
        return size // 2
    return min(size - 1, int((value / 2 - low / 2) / (high / 2 - low / 2) * size))  # halves: the range may overflow


def _line(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return [
        (start[0] + round((end[0] - start[0]) * at / steps), start[1] + round((end[1] - start[1]) * at / steps))
        for at in range(steps + 1)
    ]


def _label(value: "float | None") -> str:
    return " " * (BESIDE - 3) if value is None else f"{value:>{BESIDE - 3}.4g}"
