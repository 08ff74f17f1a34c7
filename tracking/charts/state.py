"""What a chart was made from, in few bytes: a reader sends it back and is answered with what differs."""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tracking.charts.series import Range
from tracking.charts.tails import Mark
from tracking.core.errors import InvalidParameterError

_WORD = 0xFFFFFFFF
_MARK = np.dtype([("place", "<u4"), ("cut", "<f8"), ("checksum", "<u4")])


@dataclass(frozen=True, slots=True)
class State:
    """What a chart was made from: its grid, and the points received of each run, in the order of the runs.

    A reader sends back the state it has and is answered with what differs. Counts are kept modulo 2^32. ``marks``:
    by the run's place, what the reader has of a curve that grows.
    """

    grid: int
    counts: tuple[int, ...]
    marks: Mapping[int, Mark] = field(default_factory=dict)

    @classmethod
    def of(cls, chart_range: Range | None, counts: Sequence[int]) -> "State":
        """Return the state of a chart over a range of x."""
        return cls(zlib.crc32(repr(chart_range).encode()), tuple(count & _WORD for count in counts))

    def to_text(self) -> str:
        """Return the state as a URL-safe text: four bytes a run, and 16 a curve that grows."""
        words = np.array([self.grid, *self.counts], "<u4").tobytes()
        marks = np.array([(place, mark.cut, mark.checksum) for place, mark in self.marks.items()], _MARK).tobytes()
        return base64.urlsafe_b64encode(words + marks).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str, *, runs: int) -> "State":
        """Return the state that ``to_text`` wrote.

        :raises InvalidParameterError: if it did not, or for another number of runs.
        """
        size = 4 * (1 + runs)
        try:
            payload = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            grid, *counts = np.frombuffer(payload[:size], "<u4").tolist()
            marks = np.frombuffer(payload[size:], _MARK).tolist()
        except ValueError:
            raise InvalidParameterError(f"since: {text[:40]!r} is not a state that was answered before") from None
        if len(counts) != runs or any(place >= runs for place, _, _ in marks):
            raise InvalidParameterError(f"since: {text[:40]!r} is not a state of {runs} runs")
        return cls(grid, tuple(counts), {place: Mark(cut, checksum) for place, cut, checksum in marks})

    def has_counts(self, counts: Sequence[int]) -> bool:
        """Tell whether nothing was received since."""
        return self.counts == tuple(count & _WORD for count in counts)

    def changed_places(self, before: "State | None") -> list[int]:
        """Return which runs have to be drawn anew: those that received points, and all where the grid is another."""
        if before is None or before.grid != self.grid:
            return list(range(len(self.counts)))
        return [place for place, pair in enumerate(zip(self.counts, before.counts, strict=True)) if pair[0] != pair[1]]
