from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.tracking.metrics.points import ROW, Row, curve, distinct, kept, points_of
from tracking.metrics.blocks import FULL
from tracking.metrics.codec import Points
from tracking.metrics.compaction import plan
from tracking.metrics.types import BlockHead


class Series:
    """The blocks of a series, as a store would keep them."""

    def __init__(self) -> None:
        self.blocks: dict[int, Points] = {}
        self.next_pk = 1
        self.rewritten = 0

    @property
    def heads(self) -> list[BlockHead]:
        heads = [
            BlockHead(
                pk=pk,
                first_step=int(points.steps[0]),
                first_timestamp_ms=int(points.timestamps_ms[0]),
                last_step=int(points.steps[-1]),
                last_timestamp_ms=int(points.timestamps_ms[-1]),
                min_timestamp_ms=int(points.timestamps_ms.min()),
                max_timestamp_ms=int(points.timestamps_ms.max()),
                count=len(points),
            )
            for pk, points in self.blocks.items()
        ]
        return sorted(heads, key=lambda head: (head.first_step, head.first_timestamp_ms))

    def take_in(self, waiting: Points) -> set[int]:
        """Do what is planned; return which blocks went."""
        gone = set()
        for merger in plan(waiting, self.heads):
            pieces = merger.pieces(self.blocks)
            for head in merger.heads:
                self.rewritten += len(self.blocks.pop(head.pk))
                gone.add(head.pk)
            for piece in pieces:
                self.blocks[self.next_pk] = piece
                self.next_pk += 1
        return gone

    @property
    def points(self) -> Points:
        return Points.concat([self.blocks[head.pk] for head in self.heads])


class TestPlan:
    @given(st.lists(st.lists(ROW, min_size=1, max_size=20), max_size=8))
    def test_keeps_every_point_once_and_in_order(self, batches: list[list[Row]]) -> None:
        series = Series()

        for batch in batches:
            series.take_in(points_of(batch))

        assert len(series.points) == len(kept(series.points))
        assert kept(series.points) == distinct(row for batch in batches for row in batch)
        for one, next_one in pairwise(series.heads):
            assert (one.last_step, one.last_timestamp_ms) < (next_one.first_step, next_one.first_timestamp_ms)

    def test_rewrites_a_growing_series_a_logarithmic_number_of_times(self) -> None:
        series = Series()

        for start in range(0, 100_000, 100):
            series.take_in(curve(100, start=start))

        assert series.rewritten < 8 * 100_000
        assert len(series.heads) < 100_000 / FULL + 8

    def test_rewrites_only_the_block_that_late_points_fall_into(self) -> None:
        series = Series()
        series.take_in(curve(5 * FULL))
        third = series.heads[2]

        gone = series.take_in(points_of([(third.first_step + 3, 7, 0.5)]))

        assert gone == {third.pk}

    def test_absorbs_the_last_block_where_points_fall_into_it(self) -> None:
        series = Series()
        series.take_in(curve(2 * FULL))
        last = series.heads[-1]

        gone = series.take_in(curve(10, start=last.last_step - 4))

        assert gone == {last.pk}
        assert len(series.points) == 2 * FULL + 5 + 5  # five new steps, five old ones at another time

    def test_leaves_a_full_block_alone(self) -> None:
        series = Series()
        series.take_in(curve(FULL))

        assert series.take_in(curve(FULL, start=FULL)) == set()
