"""How to read a series for a chart whose buckets are not made of whole summaries: over time, or on a logarithmic x.

A summary counts for the bucket in which its first point lies, all of it, so that a bucket begins and ends with one: it
still keeps its first, least, greatest and last point. Only summaries go there that are narrower than a bucket; where
they are not, as at the beginning of a logarithmic axis or where a run has paused, points are read. Knows no database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tracking.metrics import pyramid
from tracking.metrics.codec import Points, distinct_sorted
from tracking.metrics.compaction import is_behind
from tracking.metrics.grids import Axis, Grid, Indices
from tracking.metrics.pyramid import Buckets
from tracking.metrics.types import BlockHead

MOST_OF_A_BUCKET = 0.75
"""What a summary may have of the width of a bucket."""
WORTH_A_SUMMARY = 8
"""Points that a bucket of a summary has to have on average, for less is read faster as points."""


@dataclass(frozen=True)
class Stored:
    """What there is of a series: waiting points, sorted by step and distinct, and its blocks in order.

    ``points``: of blocks that were unpacked already, by pk.
    """

    waiting: Points
    heads: Sequence[BlockHead]
    points: Mapping[int, Points]

    def bounds(self, axis: Axis) -> tuple[float, float] | None:
        """Return the least and the greatest x that have a place; the blocks ``across`` were unpacked."""
        parts = [*self.ends(axis), *(axis.positions(points) for points in (self.waiting, *self.points.values()))]
        x = axis.x(np.concatenate(parts))
        x = x[x > 0] if axis.is_log else x
        return (float(x.min()), float(x.max())) if len(x) else None

    def across(self, axis: Axis) -> list[int]:
        """Return the blocks, by pk, in which an axis begins somewhere: a logarithmic one, above 0."""
        starts, ends = (axis.x(positions) for positions in self.ends(axis))
        is_across = (starts <= 0) & (ends > 0) & axis.is_log
        return [head.pk for head, across in zip(self.heads, is_across, strict=True) if across]

    def is_ascending(self, axis: Axis) -> bool:
        """Tell whether all points of a block have positions behind those of the block before, and waiting ones theirs.

        Points that may stand in a block already are not behind it.
        """
        if not self.heads or not is_behind(self.waiting, self.heads[-1]):
            return False
        starts, ends = self.ends(axis)
        times = axis.positions(self.waiting)
        return bool(
            np.all(starts[1:] >= ends[:-1])
            and np.all(times[1:] >= times[:-1])
            and (not len(times) or times[0] >= ends[-1])
        )

    def ends(self, axis: Axis) -> tuple[Indices, Indices]:
        """Return the least and the greatest position in each block."""
        first_time, last_time, first_step, last_step = self._ends
        return (first_time, last_time) if axis.is_time else (first_step, last_step)

    @cached_property
    def _ends(self) -> Indices:
        ends = [(head.min_timestamp_ms, head.max_timestamp_ms, head.first_step, head.last_step) for head in self.heads]
        return np.array(ends, np.int64).reshape(-1, 4).T


class Reading:
    """One series on a grid: load the summaries ``levels``, ``take`` them, load the blocks ``unpacked``, ``join``."""

    def __init__(self, stored: Stored, grid: Grid, *, few: int) -> None:
        """Plan the reading. Up to ``few`` points are all taken, and those of a series whose order is not the axis'."""
        self._grid = grid
        self._waiting = stored.waiting
        is_ascending = stored.is_ascending(grid.axis)
        self._heads = _inside(stored, grid) if is_ascending else stored.heads
        count = len(stored.waiting) + sum(head.count for head in self._heads)
        self._is_whole = not is_ascending or count <= few
        self._buckets: dict[int, Buckets] = {}  # those of a block that fit, which are its last ones
        self._first_step: dict[int, int | None] = {}  # of these, where others of the block do not fit
        self.levels = {} if self._is_whole else _levels(Stored(stored.waiting, self._heads, {}), grid)
        self.unpacked = [head.pk for head in self._heads if head.pk not in self.levels]

    def take(self, payloads: Mapping[int, bytes]) -> None:
        """Take the summaries of ``levels``; blocks where some are too wide, or out of the range, join ``unpacked``."""
        if not self.levels:
            return
        found = pyramid.decode_placed([payloads[pk] for pk in self.levels], is_timed=self._grid.axis.is_time)
        if found is None:  # of an earlier version
            self.levels, self.unpacked = {}, [head.pk for head in self._heads]
            return
        axis, numbers = self._grid.axis, found.buckets["number"].copy()
        starts, ends = pyramid.bounds_of(found.buckets)
        x_start, x_end = axis.x(starts), axis.x(ends)
        is_fit = self._grid.holds(x_start) & self._grid.holds(x_end)
        is_fit &= ends - starts <= MOST_OF_A_BUCKET * self._grid.spans(x_start)
        found.buckets["number"][is_fit] = self._grid.numbers(x_start[is_fit])
        for (pk, level), start, end in zip(self.levels.items(), found.starts, found.ends, strict=True):
            unfit = np.flatnonzero(~is_fit[start:end])
            begin = start + int(unfit[-1]) + 1 if len(unfit) else start
            self._buckets[pk] = found.buckets[begin:end]
            if len(unfit):
                self.unpacked.append(pk)
                self._first_step[pk] = int(numbers[begin]) << level if begin < end else None

    def join(self, points_by_pk: Mapping[int, Points]) -> Points | Buckets:
        """Return all points in MLflow's order, or the buckets of the grid."""
        if self._is_whole:
            return distinct_sorted(Points.concat([*(points_by_pk[head.pk] for head in self._heads), self._waiting]))
        parts = []
        for head in self._heads:
            if head.pk in self.unpacked:
                points, behind = points_by_pk[head.pk], self._first_step.get(head.pk)
                most = None if behind is None else int(points.steps.searchsorted(behind))
                parts.append(self._summarised(points.take(slice(None, most))))
            if head.pk in self._buckets:
                parts.append(self._buckets[head.pk])
        if len(self._waiting) or not parts:
            parts.append(self._summarised(self._waiting))
        joined = pyramid.join(parts)
        return pyramid.regroup(joined, joined["number"])

    def _summarised(self, points: Points) -> Buckets:
        axis = self._grid.axis
        is_held = self._grid.holds(axis.x(axis.positions(points)))
        points = points if is_held.all() else points.take(np.flatnonzero(is_held))
        positions, values = axis.positions(points), points.values
        if np.any(positions[1:] < positions[:-1]):
            order = np.argsort(positions, kind="stable")
            positions, values = positions[order], values[order]
        return pyramid.summarise_at(positions, values, self._grid.numbers(axis.x(positions)))


def _inside(stored: Stored, grid: Grid) -> list[BlockHead]:
    """Return the blocks that reach into the range."""
    starts, ends = (grid.axis.x(positions) for positions in stored.ends(grid.axis))
    reach = (ends >= grid.range[0]) & (starts <= grid.range[1])
    return [head for head, is_inside in zip(stored.heads, reach, strict=True) if is_inside]


def _levels(stored: Stored, grid: Grid) -> dict[int, int]:
    """Return, by block, the widest summaries that are narrower than the buckets of the grid, if any are worth it."""
    first, last = stored.ends(grid.axis)
    starts, ends = grid.axis.x(first), grid.axis.x(last)
    steps = np.array([head.last_step - head.first_step + 1 for head in stored.heads], np.float64)
    count = np.array([head.count for head in stored.heads])
    slope = (last - first) / np.maximum(steps - 1, 1)  # positions from step to step
    is_whole = ends <= grid.range[1]
    found = np.full(len(steps), -1)
    for level in pyramid.LEVELS:
        room = MOST_OF_A_BUCKET * grid.spans(ends if level == pyramid.LEVELS[0] else starts)
        found[is_whole & (slope * 2.0**level <= room) & (count >= WORTH_A_SUMMARY * steps / 2.0**level)] = level
    return {head.pk: level for head, level in zip(stored.heads, found.tolist(), strict=True) if level >= 0}
