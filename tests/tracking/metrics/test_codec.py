import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.metrics.codec import (
    Points,
    SegmentError,
    decode_segment,
    decode_series,
    distinct_sorted,
    encode_segment,
    latest,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(st.tuples(st.integers(1, 5) | INT64, INT64, INT64, st.floats()), max_size=60)
# Few values, so that equals are common.
NARROW_ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from([0.0, -0.0, 1.0, np.nan, np.inf, -np.inf])),
    max_size=40,
)


def points_of(rows: list[tuple[int, int, float]]) -> Points:
    """Return points of (step, timestamp, value)."""
    steps, times, values = zip(*rows, strict=True) if rows else ((), (), ())
    return Points(np.array(steps, np.int64), np.array(times, np.int64), np.array(values, np.float64))


def rows_of(points: Points) -> list[tuple[int, int, bytes]]:
    """Return rows in which equal bits are equal, NaN too."""
    return [
        (step, time, struct.pack("<d", value))
        for step, time, value in zip(
            points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist(), strict=True
        )
    ]


class TestPoints:
    def test_refuses_columns_of_different_length(self) -> None:
        with pytest.raises(ValueError, match="2 steps, 1 timestamps, 1 values"):
            Points(np.zeros(2, np.int64), np.zeros(1, np.int64), np.zeros(1))

    def test_takes_by_mask_and_by_index(self) -> None:
        points = points_of([(0, 10, 0.5), (1, 11, 1.5), (2, 12, 2.5)])

        assert points.take(np.array([True, False, True])).steps.tolist() == [0, 2]
        assert points.take(np.array([2, 0])).values.tolist() == [2.5, 0.5]

    def test_concatenates_in_the_order_given(self) -> None:
        one, two = points_of([(5, 50, 0.5)]), points_of([(1, 10, 0.1), (2, 20, 0.2)])

        joined = Points.concat([one, Points.empty(), two])

        assert rows_of(joined) == rows_of(one) + rows_of(two)
        assert len(Points.concat([])) == 0


class TestSegment:
    @given(ROWS)
    def test_comes_back_as_it_went_in(self, rows: list[tuple[int, int, int, float]]) -> None:
        key_ids = [row[0] for row in rows]
        points = points_of([row[1:] for row in rows])

        payload = encode_segment(key_ids, points)
        decoded = decode_segment(payload)

        assert list(decoded) == list(dict.fromkeys(key_ids))
        for key in decoded:
            sent = points.take(np.array([other == key for other in key_ids], np.bool_))
            assert rows_of(decoded[key]) == rows_of(sent)
            assert rows_of(decode_series(memoryview(payload), key)) == rows_of(sent)

    def test_with_more_than_65536_keys_comes_back(self) -> None:
        count = 70_000
        key_ids = list(range(count, 0, -1))
        steps = np.arange(count)

        payload = encode_segment(key_ids, Points(steps, steps, steps / 2))

        assert decode_series(payload, 1).steps.tolist() == [count - 1]
        assert decode_segment(payload)[count - 65_536].values.tolist() == [32_768.0]

    def test_of_an_unknown_key_has_no_points(self) -> None:
        payload = encode_segment([1, 2], points_of([(0, 0, 0.0), (0, 0, 1.0)]))

        assert len(decode_series(payload, 3)) == 0

    def test_has_these_bytes(self) -> None:
        """Bytes on disk outlive the code: a change here needs a new version."""
        payload = encode_segment([7, -1, 7], points_of([(1, 2, 1.0), (3, 4, 1.0), (-1, 6, 1.0)]))

        assert payload == (
            bytes.fromhex("01 02000000 03000000 0700000000000000 ffffffffffffffff 0000 0100 0000")
            + bytes.fromhex("0100000000000000 0300000000000000 ffffffffffffffff")
            + bytes.fromhex("0200000000000000 0400000000000000 0600000000000000")
            + bytes.fromhex("000000000000f03f") * 3
        )

    def test_of_one_point_is_tiny(self) -> None:
        assert len(encode_segment([2**62], points_of([(2**62, 2**62, 0.1)]))) <= 48

    def test_of_big_endian_or_strided_columns_is_the_same(self) -> None:
        points = points_of([(1, 2, 3.0), (4, 5, 6.0)])
        odd = Points(points.steps.astype(">i8"), np.repeat(points.timestamps_ms, 2)[::2], points.values.astype(">f8"))

        assert encode_segment([1, 2], odd) == encode_segment([1, 2], points)

    def test_refuses_another_number_of_keys_than_points(self) -> None:
        with pytest.raises(ValueError, match="2 key ids for 1 points"):
            encode_segment([1, 2], points_of([(0, 0, 0.0)]))

    def test_decodes_to_arrays_of_its_own(self) -> None:
        payload = bytearray(encode_segment([1], points_of([(0, 0, 0.5)])))
        points = decode_series(memoryview(payload), 1)

        payload[:] = bytes(len(payload))
        points.steps[0] = 9

        assert points.values.tolist() == [0.5]


class TestDamagedSegment:
    PAYLOAD = encode_segment([1, 2, 1], points_of([(0, 0, 0.0), (1, 1, 1.0), (2, 2, 2.0)]))

    @pytest.mark.parametrize("size", range(len(PAYLOAD)))
    def test_cut_short_says_so(self, size: int) -> None:
        with pytest.raises(SegmentError, match=f"{size}"):
            decode_segment(self.PAYLOAD[:size])

    def test_with_bytes_after_the_end_names_both_lengths(self) -> None:
        with pytest.raises(SegmentError, match="must have 103 bytes, it has 104"):
            decode_segment(self.PAYLOAD + b"\0")

    def test_of_another_version_names_it(self) -> None:
        with pytest.raises(SegmentError, match="version 9; only version 1"):
            decode_series(b"\x09" + self.PAYLOAD[1:], 1)

    def test_with_a_point_of_no_key_names_it(self) -> None:
        damaged = bytearray(self.PAYLOAD)
        damaged[9 + 16] = 2

        with pytest.raises(SegmentError, match="key 2 of 2"):
            decode_segment(bytes(damaged))

    def test_with_a_key_twice_is_refused(self) -> None:
        damaged = bytearray(self.PAYLOAD)
        damaged[9:17] = damaged[17:25]

        with pytest.raises(SegmentError, match="a key twice"):
            decode_series(bytes(damaged), 2)

    def test_with_points_and_no_key_is_refused(self) -> None:
        with pytest.raises(SegmentError, match="0 keys for 1 points"):
            decode_segment(struct.pack("<BII", 1, 0, 1) + bytes(24))

    @given(st.binary(max_size=200))
    def test_never_ends_in_another_error(self, noise: bytes) -> None:
        for payload in (noise, b"\x01" + noise):
            try:
                decode_segment(payload)
            except SegmentError as error:
                assert str(error).startswith("Segment")


class TestDistinctSorted:
    @given(NARROW_ROWS)
    def test_keeps_each_point_once_in_order(self, rows: list[tuple[int, int, float]]) -> None:
        points = points_of(rows)
        result = distinct_sorted(points)

        def order(row: tuple[int, int, bytes]) -> tuple[int, int, bool, float, bytes]:
            value = struct.unpack("<d", row[2])[0]
            return row[1], row[0], bool(np.isnan(value)), 0.0 if np.isnan(value) else value, row[2][::-1]

        found = rows_of(result)
        assert sorted(set(rows_of(points))) == sorted(found)
        assert [order(row)[:4] for row in found] == sorted(order(row)[:4] for row in found)

    def test_takes_all_nan_as_one(self) -> None:
        other_nan = struct.unpack("<d", bytes.fromhex("010000000000f8ff"))[0]

        assert len(distinct_sorted(points_of([(1, 1, other_nan), (1, 1, np.nan), (1, 1, -np.nan)]))) == 1

    def test_tells_the_zeros_apart(self) -> None:
        result = distinct_sorted(points_of([(1, 1, 0.0), (1, 1, -0.0), (1, 1, 0.0)]))

        assert np.signbit(result.values).tolist() == [True, False]

    def test_sorts_by_timestamp_before_step(self) -> None:
        result = distinct_sorted(points_of([(9, 1, 0.0), (1, 2, 5.0), (1, 2, np.nan), (1, 2, np.inf), (0, 2, 0.0)]))

        assert result.steps.tolist() == [9, 0, 1, 1, 1]
        np.testing.assert_array_equal(result.values, [0.0, 0.0, 5.0, np.inf, np.nan])

    def test_of_nothing_is_nothing(self) -> None:
        assert len(distinct_sorted(Points.empty())) == 0


class TestLatest:
    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            ([(2, 1, 0.0), (1, 9, 9.0)], 0),
            ([(2, 1, 9.0), (2, 2, 0.0), (1, 3, 0.0)], 1),
            ([(2, 2, -1.0), (2, 2, 3.0), (2, 2, 1.0)], 1),
            ([(2, 2, -1.0), (2, 2, np.nan)], 1),
            ([(2, 2, 0.5), (2, 2, np.nan)], 0),
            ([(2, 2, np.nan), (2, 2, -np.inf), (2, 2, 0.0)], 0),
            ([(-2, 2, 0.0), (-1, 1, -np.inf)], 1),
        ],
    )
    def test_is_the_greatest_step_then_timestamp_then_value(
        self, rows: list[tuple[int, int, float]], expected: int
    ) -> None:
        assert latest(points_of(rows)) == expected

    @given(NARROW_ROWS.filter(bool))
    def test_is_what_a_loop_finds(self, rows: list[tuple[int, int, float]]) -> None:
        ranks = [(step, time, 0.0 if np.isnan(value) else value) for step, time, value in rows]

        assert latest(points_of(rows)) == ranks.index(max(ranks))

    def test_of_nothing_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="without points"):
            latest(Points.empty())
