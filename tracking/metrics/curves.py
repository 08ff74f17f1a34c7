"""How to read one series for a chart: which blocks to unpack, and which to take as summaries; knows no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from tracking.metrics import pyramid
from tracking.metrics.blocks import FULL, merge
from tracking.metrics.codec import Points
from tracking.metrics.compaction import is_behind, shares_of
from tracking.metrics.pyramid import Buckets
from tracking.metrics.types import BlockHead

Steps = tuple[int, int]
"""A range of steps, ends included."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What of a series is to be read, and how it is put together.

    A block is taken as its summary if it lies in the range of steps as a whole and no waiting point falls into it (it
    might be there already). ``level`` None: everything is unpacked.
    """

    heads: Sequence[BlockHead]
    shares: Sequence[Points]  # waiting points; one for each block, or one where there is no block
    is_summarised: Sequence[bool]  # for each block
    steps: Steps
    level: int | None

    @classmethod
    def of(
        cls, waiting: Points, heads: Sequence[BlockHead], *, steps: Steps, level: int | None, few: int = FULL
    ) -> Self:
        """Plan the reading; points and blocks outside the range are left out.

        :param waiting: in any order, some perhaps twice.
        :param heads: the series' blocks in order.
        :param few: points up to which all are taken.
        """
        heads = [head for head in heads if head.first_step <= steps[1] and head.last_step >= steps[0]]
        points = _within(merge([waiting]), steps)
        if level is None or not heads or len(points) + sum(head.count for head in heads) <= few:
            return cls(heads, [points], [False] * len(heads), steps, None)
        shares = shares_of(points, heads)
        is_whole = [steps[0] <= head.first_step and head.last_step <= steps[1] for head in heads]
        is_touched = [len(share) > 0 for share in shares]
        is_touched[-1] = not is_behind(shares[-1], heads[-1])
        flags = [whole and not touched for whole, touched in zip(is_whole, is_touched, strict=True)]
        return cls(heads, shares, flags, steps, level)

    @property
    def unpacked(self) -> list[int]:
        """The blocks whose points are needed, by pk."""
        return [head.pk for head, is_sum in zip(self.heads, self.is_summarised, strict=True) if not is_sum]

    @property
    def summarised(self) -> list[int]:
        """The blocks whose summaries are needed, by pk."""
        return [head.pk for head, is_sum in zip(self.heads, self.is_summarised, strict=True) if is_sum]

    def join(self, points_by_pk: Mapping[int, Points], buckets_by_pk: Mapping[int, Buckets]) -> Points | Buckets:
        """Return the points in the range by step, timestamp, value, or the buckets of the level that hold them."""
        if self.level is None:
            return _within(merge([*(points_by_pk[head.pk] for head in self.heads), *self.shares]), self.steps)
        parts = []
        for head, share, is_summarised in zip(self.heads, self.shares, self.is_summarised, strict=True):
            if is_summarised:
                parts.append(buckets_by_pk[head.pk])
                if len(share):
                    parts.append(pyramid.summarise(share, self.level))
            else:
                points = _within(merge([points_by_pk[head.pk], share]), self.steps)
                parts.append(pyramid.summarise(points, self.level))
        return pyramid.merge(parts)


def _within(points: Points, steps: Steps) -> Points:
    """Return those of the points, sorted by step, that lie in a range."""
    start = int(points.steps.searchsorted(steps[0], side="left"))
    return points.take(slice(start, int(points.steps.searchsorted(steps[1], side="right"))))
