"""Curves that grow: what a reader has of one already, so that only its end is sent."""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracking.metrics.downsample import Sampled

_LAST_BUCKET = 4  # points that the next one may change: the first, least, greatest and last of the last bucket
_OPEN_SHARE = 1 / 8  # of a smoothed line: its points may look ahead, most of them less far
_PART = tuple[NDArray[np.generic], ...]


class Kept(msgspec.Struct):
    """How many numbers of each column of the trace before stay; what is sent comes behind them.

    ``line`` of ``x`` and ``y``, the others of the columns of what they name.
    """

    line: int
    raw: int
    band: int
    nonfinite: int


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a reader's curve stays: before ``cut``, if what the new one has there has this checksum."""

    cut: float
    checksum: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn of a curve: as it was logged, and as it is shown, the same where nothing is smoothed.

    ``has_raw``: what was logged is shown beside a smoothed line, and its band.
    """

    raw: Sampled
    shown: Sampled
    is_smoothed: bool
    has_raw: bool

    def mark(self) -> Mark:
        """Return what tells the next answer what the reader has."""
        x = self.shown.x
        if self.shown.is_exact and not self.is_smoothed:  # all of it stays
            last = max((float(part[0][-1]) for part in self._parts() if len(part[0])), default=-math.inf)
            cut = math.nextafter(last, math.inf)
        else:
            open_end = max(_LAST_BUCKET, int(len(x) * _OPEN_SHARE) if self.is_smoothed else 0)
            cut = float(x[-open_end]) if len(x) >= open_end else -math.inf
        return Mark(cut, self._checksum(self._before(cut)))

    def kept(self, mark: Mark) -> Kept | None:
        """Return how much of the curve a reader with this mark has; None if it is not what it was."""
        kept = self._before(mark.cut)
        return kept if self._checksum(kept) == mark.checksum else None

    def _parts(self) -> Iterator[_PART]:
        raw, shown = self.raw, self.shown
        yield shown.x, shown.y
        yield (raw.x, raw.y) if self.has_raw and self.is_smoothed else (_NOTHING,)
        yield (raw.band_x, raw.lo, raw.hi) if self.has_raw else (_NOTHING,)
        yield raw.nonfinite_x, raw.nonfinite_kind

    def _before(self, cut: float) -> Kept:
        line, raw, band, nonfinite = (int(np.searchsorted(part[0], cut)) for part in self._parts())
        return Kept(line, raw, max(band - 1, 0), nonfinite)  # what a band says holds up to its next x

    def _checksum(self, kept: Kept) -> int:
        found = 0
        for part, count in zip(self._parts(), msgspec.structs.astuple(kept), strict=True):
            for column in part:
                found = zlib.crc32(column[:count].tobytes(), found)
        return found


_NOTHING = np.empty(0)
