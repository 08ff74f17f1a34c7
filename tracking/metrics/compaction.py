"""Which blocks a series' waiting points make, and which of its blocks they replace; knows no database.

A point belongs to the block in whose range it falls (a block reaches to the start of the next one), so a late point
rewrites one block. Points behind all blocks absorb the blocks before them as long as these are neither full nor more
than twice as large: like a number counted up in binary, so that a point is rewritten a logarithmic number of times and
a series has its full blocks and a few smaller ones.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tracking.metrics.blocks import FULL, merge, split
from tracking.metrics.codec import Points
from tracking.metrics.types import BlockHead

WORTH_A_BLOCK = 64
"""Fewer waiting points of a series than this stay in a segment: a block has some 250 bytes beside its points."""


@dataclass(frozen=True, slots=True)
class Merger:
    """Blocks that go, and waiting points, sorted and distinct, that go into the new ones with theirs."""

    heads: tuple[BlockHead, ...]
    points: Points

    def pieces(self, points_by_pk: Mapping[int, Points]) -> list[Points]:
        """Return the points of the blocks that come instead."""
        return split(merge([*(points_by_pk[head.pk] for head in self.heads), self.points]))


def plan(waiting: Points, heads: Sequence[BlockHead]) -> list[Merger]:
    """Return what to do with waiting points of one series, at least one, in any order, some perhaps twice.

    :param heads: the series' blocks in order.
    """
    points = merge([waiting])
    if not heads:
        return [Merger((), points)]
    shares = shares_of(points, heads)
    late = [Merger((head,), share) for head, share in zip(heads[:-1], shares, strict=False) if len(share)]
    return [*late, Merger(_absorbed(heads, shares), shares[-1])] if len(shares[-1]) else late


def shares_of(points: Points, heads: Sequence[BlockHead]) -> list[Points]:
    """Return the points that fall into each block, those before all into the first, those behind all into the last.

    :param points: sorted by step, timestamp.
    """
    starts = [0, *(_place(points, head.first_step, head.first_timestamp_ms) for head in heads[1:]), len(points)]
    return [points.take(slice(start, end)) for start, end in itertools.pairwise(starts)]


def is_behind(points: Points, head: BlockHead) -> bool:
    """Tell whether all points, sorted by step, timestamp, come after the last one of a block; no point does."""
    return not len(points) or (int(points.steps[0]), int(points.timestamps_ms[0])) > (
        head.last_step,
        head.last_timestamp_ms,
    )


def _absorbed(heads: Sequence[BlockHead], shares: Sequence[Points]) -> tuple[BlockHead, ...]:
    """Return the blocks at the end that become one with the points in and behind the last of them."""
    tail, last = shares[-1], heads[-1]
    must = not is_behind(tail, last)
    size = len(tail) + (last.count if must else 0)
    start = len(heads) - must
    for place in range(start - 1, -1, -1):
        is_touched = place < len(heads) - 1 and len(shares[place]) > 0
        if is_touched or heads[place].count >= FULL or heads[place].count > 2 * size:
            break
        start = place
        size += heads[place].count
    return tuple(heads[start:])


def _place(points: Points, step: int, timestamp_ms: int) -> int:
    """Return how many points stand before (step, timestamp)."""
    start = int(np.searchsorted(points.steps, step, side="left"))
    end = int(np.searchsorted(points.steps, step, side="right"))
    return start + int(np.searchsorted(points.timestamps_ms[start:end], timestamp_ms, side="left"))
