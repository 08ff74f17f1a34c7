import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.tracking.metrics.points import ROW, Row, curve, points_of
from tracking.metrics import pyramid
from tracking.metrics.blocks import merge
from tracking.metrics.codec import Points

NARROW = st.lists(
    st.tuples(
        st.integers(-300, 300), st.integers(0, 3), st.floats(-9, 9) | st.sampled_from([math.nan, math.inf, -math.inf])
    ),
    max_size=60,
)


def expected(rows: list[tuple[int, int, float]], level: int) -> list[tuple[float, ...]]:
    """Return the buckets of sorted rows, by the definition."""
    found = []
    for number in sorted({step >> level for step, _, _ in rows}):
        mine = [(step, value) for step, _, value in rows if step >> level == number]
        finite = [(step, value) for step, value in mine if math.isfinite(value)]
        low = min(finite, key=lambda pair: pair[1], default=(0, 0.0))
        high = max(finite, key=lambda pair: pair[1], default=(0, 0.0))
        first, last = (finite[0], finite[-1]) if finite else ((0, 0.0), (0, 0.0))
        kinds = [
            [step for step, value in mine if value == -math.inf],
            [step for step, value in mine if math.isnan(value)],
            [step for step, value in mine if value == math.inf],
        ]
        found.append(
            (
                number,
                len(finite),
                *first,
                *low,
                *high,
                *last,
                *(len(k) for k in kinds),
                *(k[0] if k else 0 for k in kinds),
            )
        )
    return found


def shown(buckets: pyramid.Buckets) -> list[tuple[float, ...]]:
    """Return buckets without their sums, which depend on the order of adding."""
    names = [name for name in pyramid.BUCKET.names or () if not name.startswith("sum")]
    return [tuple(bucket) for bucket in buckets[names].tolist()]


def sorted_rows(points: Points) -> list[tuple[int, int, float]]:
    return list(zip(points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist(), strict=True))


class TestSummarise:
    @given(NARROW)
    def test_says_what_each_bucket_holds(self, rows: list[Row]) -> None:
        points = merge([points_of(rows)])

        buckets = pyramid.summarise(points, 6)

        assert shown(buckets) == expected(sorted_rows(points), 6)

    def test_adds_up(self) -> None:
        points = curve(1000)

        buckets = pyramid.summarise(points, 6)

        assert buckets["count"].sum() == 1000
        assert np.isclose(buckets["sum"].sum(), points.values.sum())
        assert np.isclose(buckets["sum_of_squares"].sum(), (points.values**2).sum())

    @given(st.lists(ROW, max_size=30))
    def test_takes_any_number(self, rows: list[Row]) -> None:
        assert len(pyramid.build(merge([points_of(rows)]))) == len(pyramid.LEVELS)


class TestMerge:
    @given(NARROW, st.integers(0, 60))
    def test_of_two_halves_is_the_whole(self, rows: list[Row], cut: int) -> None:
        points = merge([points_of(rows)])
        halves = [points.take(slice(None, cut)), points.take(slice(cut, None))]

        merged = pyramid.merge([pyramid.summarise(half, 3) for half in halves])

        assert shown(merged) == shown(pyramid.summarise(points, 3))

    @given(NARROW)
    def test_a_level_up_is_the_level_above(self, rows: list[Row]) -> None:
        points = merge([points_of(rows)])

        assert shown(pyramid.merge([pyramid.summarise(points, 2)], by=4)) == shown(pyramid.summarise(points, 6))


class TestEncodeBuckets:
    def test_reads_back(self) -> None:
        buckets = pyramid.summarise(curve(500), 6)

        assert pyramid.decode_buckets(pyramid.encode_buckets(buckets)).tolist() == buckets.tolist()
