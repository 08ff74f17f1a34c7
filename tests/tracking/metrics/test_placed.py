"""Series read for an axis on which buckets are not made of whole summaries, beside all of their points."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from tracking.metrics import blocks, pyramid
from tracking.metrics.blocks import decode_block, encode_block, split
from tracking.metrics.codec import Points
from tracking.metrics.downsample import grid_width
from tracking.metrics.grids import Axis, Grid
from tracking.metrics.placed import Reading, Stored
from tracking.metrics.pyramid import BUCKET, Buckets
from tracking.metrics.types import BlockHead

START_MS = 1_700_000_000_000
BLOCK = 4_096
FEW = 100


@dataclass
class Shelf:
    """What a database has of one series: blocks and waiting points. ``read_points`` counts those it handed out."""

    blocks: list[Points]
    waiting: Points
    is_old: bool = False
    read_points: int = 0

    @classmethod
    def of(cls, points: Points, *, waiting: int = 0, is_old: bool = False) -> "Shelf":
        """Put points, sorted by step, into blocks, and leave the last of them waiting."""
        kept = len(points) - waiting
        return cls(split(points.take(slice(kept)), most=BLOCK), points.take(slice(kept, None)), is_old)

    @property
    def heads(self) -> list[BlockHead]:
        return [
            BlockHead(
                pk,
                int(one.steps[0]),
                int(one.timestamps_ms[0]),
                int(one.steps[-1]),
                int(one.timestamps_ms[-1]),
                int(one.timestamps_ms.min()),
                int(one.timestamps_ms.max()),
                len(one),
            )
            for pk, one in enumerate(self.blocks)
        ]

    def summary(self, pk: int, level: int) -> bytes:
        payload = pyramid.build(self.blocks[pk])[pyramid.LEVELS.index(level)]
        return pyramid.encode_buckets(pyramid.decode_buckets(payload)) if self.is_old else payload

    def read(self, grid: Grid) -> Points | Buckets:
        reading = Reading(Stored(self.waiting, self.heads, {}), grid, few=FEW)
        reading.take({pk: self.summary(pk, level) for pk, level in reading.levels.items()})
        points = {pk: decode_block(encode_block(self.blocks[pk])) for pk in reading.unpacked}
        self.read_points = sum(map(len, points.values()))
        return reading.join(points)


def series(
    count: int = 40_000, *, pause_at: int | None = None, holes: bool = False, first_step: int = 0, stride: int = 1
) -> Points:
    """Return a noisy curve of uneven times, perhaps with a day's pause, perhaps with values that are not finite."""
    rng = np.random.default_rng(count + first_step + stride)
    times = START_MS + np.cumsum(rng.integers(100, 400, count))
    if pause_at is not None:
        times[pause_at:] += 86_400_000
    values = rng.normal(size=count)
    if holes:
        values[rng.integers(0, count, 50)] = rng.choice([math.nan, math.inf, -math.inf], 50)
        values[9_000:9_500] = math.nan
    return Points(np.arange(count) * stride + first_step, times, values)


def grid_of(axis: Axis, points: Points, *, pixels: int = 200, share: tuple[float, float] = (0, 1)) -> Grid:
    """Return the grid of a part of what an axis shows of points."""
    x = axis.x(axis.positions(points))
    x = x[x > 0] if axis.is_log else x
    low, high = (float(x.min() + part * (x.max() - x.min())) for part in share)
    scaled = (math.log2(low), math.log2(high)) if axis.is_log else (low, high)
    return Grid(axis, grid_width(scaled, pixels=pixels), (low, high))


def check(found: Buckets, points: Points, grid: Grid) -> None:
    """Check that the buckets part the points of the range, in order, each where its first point lies or close by."""
    axis = grid.axis
    x = axis.x(axis.positions(points))
    held = grid.holds(x)
    positions, values, numbers = axis.positions(points)[held], points.values[held], grid.numbers(x[held])
    finite = np.isfinite(values)
    assert found["count"].sum() == finite.sum()
    for kind, is_kind in (("below", values == -np.inf), ("nan", np.isnan(values)), ("above", values == np.inf)):
        assert found[f"{kind}_count"].sum() == is_kind.sum()
        assert np.isin(found[f"{kind}_step"][found[f"{kind}_count"] > 0], positions[is_kind]).all()
    assert np.all(np.diff(found["number"]) > 0)
    positions, values, numbers = positions[finite], values[finite], numbers[finite]
    start = 0
    for bucket in found[found["count"] > 0]:
        here = slice(start, start := start + int(bucket["count"]))
        assert bucket["first_step"] == positions[here][0]
        assert bucket["last_step"] == positions[here][-1]
        assert (bucket["first_value"], bucket["last_value"]) == (values[here][0], values[here][-1])
        assert (bucket["low_value"], bucket["high_value"]) == (values[here].min(), values[here].max())
        assert bucket["low_step"] == positions[here][np.argmin(values[here])]
        assert bucket["high_step"] == positions[here][np.argmax(values[here])]
        assert math.isclose(bucket["sum"], values[here].sum(), abs_tol=1e-9)
        assert set(numbers[here].tolist()) <= {int(bucket["number"]), int(bucket["number"]) + 1}


TIME = Axis(is_time=True)
SECONDS = Axis(is_time=True, zero_ms=START_MS)
LOG_STEPS = Axis(is_log=True)
AXES = [TIME, SECONDS, LOG_STEPS, Axis(is_time=True, zero_ms=START_MS + 50_000, is_log=True)]
CURVES = {
    "plain": series(),
    "paused": series(pause_at=17_000),
    "with holes": series(holes=True),
    "from below 0": series(first_step=-500),
    "sparse": series(stride=50),
}


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("points", CURVES.values(), ids=CURVES)
class TestReading:
    @pytest.mark.parametrize("is_old", [False, True], ids=["", "old"])
    def test_parts_all_points_into_buckets(self, axis: Axis, points: Points, is_old: bool) -> None:
        grid = grid_of(axis, points)

        found = Shelf.of(points, waiting=700, is_old=is_old).read(grid)

        assert not isinstance(found, Points)
        check(found, points, grid)

    def test_parts_those_of_a_range(self, axis: Axis, points: Points) -> None:
        grid = grid_of(axis, points, share=(0.21, 0.83))

        found = Shelf.of(points).read(grid)

        assert not isinstance(found, Points)
        check(found, points, grid)


class TestCost:
    @pytest.mark.parametrize("axis", [TIME, SECONDS])
    def test_over_time_no_point_is_read(self, axis: Axis) -> None:
        shelf = Shelf.of(series())

        shelf.read(grid_of(axis, series()))

        assert shelf.read_points == 0

    def test_around_a_pause_one_block_is_read(self) -> None:
        shelf = Shelf.of(CURVES["paused"])

        shelf.read(grid_of(SECONDS, CURVES["paused"]))

        assert shelf.read_points <= 2 * BLOCK

    def test_on_a_logarithmic_axis_the_first_block_is_read(self) -> None:
        shelf = Shelf.of(series())

        shelf.read(grid_of(LOG_STEPS, series(), pixels=128))

        assert shelf.read_points <= 2 * BLOCK


class TestAllPoints:
    def values(self, found: Points | Buckets) -> NDArray[np.float64]:
        assert isinstance(found, Points)
        return found.values

    def test_come_where_there_are_few(self) -> None:
        points = series(FEW)

        assert self.values(Shelf.of(points).read(grid_of(TIME, points))).tolist() == points.values.tolist()

    def test_come_where_blocks_overlap_in_time(self) -> None:
        points = series(2 * BLOCK)
        points.timestamps_ms[BLOCK:] -= 10_000

        found = self.values(Shelf.of(points).read(grid_of(TIME, points)))

        assert found.tolist() == points.values[np.argsort(points.timestamps_ms, kind="stable")].tolist()

    def test_come_where_late_points_wait(self) -> None:
        points = series(2 * BLOCK)
        shelf = Shelf.of(points.take(np.delete(np.arange(len(points)), 50)))
        shelf.waiting = points.take(slice(50, 51))

        assert self.values(shelf.read(grid_of(TIME, points))).tolist() == points.values.tolist()

    def test_are_bucketed_where_times_do_not_ascend_in_a_block(self) -> None:
        points = series(2 * BLOCK)
        points.timestamps_ms[7], points.timestamps_ms[9] = points.timestamps_ms[9], points.timestamps_ms[7]
        grid = grid_of(TIME, points)
        order = np.argsort(points.timestamps_ms, kind="stable")

        found = Shelf.of(points).read(grid)

        assert not isinstance(found, Points)
        check(found, points.take(order), grid)


def test_times_take_a_few_bytes_a_bucket() -> None:
    points = series(blocks.FULL)
    payload = pyramid.build(points)[0]
    plain = pyramid.encode_buckets(pyramid.decode_buckets(payload))

    assert len(payload) - len(plain) < 16 * len(points) / 64
    assert len(pyramid.decode_buckets(payload)) * BUCKET.itemsize > 2 * len(payload)
