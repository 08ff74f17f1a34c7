import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracking.metrics.points import ROW, Row, curve, distinct, kept, points_of, rows_of
from tracking.metrics.blocks import FULL, BlockError, decode_block, encode_block, merge, split
from tracking.metrics.codec import Points


class TestBlock:
    @given(st.lists(ROW, max_size=80))
    def test_reads_back_every_bit(self, rows: list[Row]) -> None:
        points = merge([points_of(rows)])

        again = decode_block(encode_block(points))

        assert rows_of(again) == rows_of(points)

    def test_is_small_for_an_ordinary_curve(self) -> None:
        points = curve(FULL)

        assert len(encode_block(points)) < 8.5 * len(points)

    def test_is_half_as_large_for_values_of_32_bits(self) -> None:
        points = curve(FULL)
        narrow = Points(points.steps, points.timestamps_ms, points.values.astype(np.float32).astype(np.float64))

        again = decode_block(encode_block(narrow))

        assert len(encode_block(narrow)) < 5 * len(points)
        assert np.array_equal(again.values, narrow.values)

    def test_is_small_for_rounded_values(self) -> None:
        points = curve(FULL)
        rounded = Points(points.steps, points.timestamps_ms, np.round(points.values, 3))

        assert len(encode_block(rounded)) < 4 * len(points)

    def test_takes_no_byte_for_even_steps(self) -> None:
        even = Points(np.arange(FULL) * 7, np.arange(FULL) * 1000, np.zeros(FULL))

        assert len(encode_block(even)) < 100

    @pytest.mark.parametrize("place", [0, 1, 4, 5, 200, 900, -1])
    def test_refuses_damage(self, place: int) -> None:
        payload = bytearray(encode_block(curve(100)))
        payload[place] ^= 0xFF

        with pytest.raises(BlockError):
            decode_block(bytes(payload[:-1]) if place == -1 else bytes(payload))


class TestMerge:
    @given(st.lists(st.lists(ROW, max_size=30), max_size=4))
    def test_keeps_each_point_once_by_step(self, parts: list[list[Row]]) -> None:
        merged = merge([points_of(part) for part in parts])

        assert len(merged) == len(kept(merged))
        assert kept(merged) == distinct(row for part in parts for row in part)
        order = list(zip(merged.steps.tolist(), merged.timestamps_ms.tolist(), strict=True))
        assert order == sorted(order)


class TestSplit:
    @given(st.lists(ROW, min_size=1, max_size=80), st.integers(1, 20))
    def test_loses_nothing_and_keeps_twins_together(self, rows: list[Row], most: int) -> None:
        points = merge([points_of(rows)])

        pieces = split(points, most=most)

        assert rows_of(Points.concat(pieces)) == rows_of(points)
        borders = [(piece.steps[0], piece.timestamps_ms[0]) for piece in pieces]
        assert len(set(borders)) == len(borders)

    def test_cuts_a_long_curve_evenly(self) -> None:
        pieces = split(curve(10 * FULL + 5))

        assert {len(piece) for piece in pieces} <= {FULL, FULL + 1}
