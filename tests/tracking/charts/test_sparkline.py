"""The curve in a cell."""

import re

import numpy as np
import pytest

from tracking.charts.sparkline import HEIGHT, MOST_POINTS, WIDTH, sparkline
from tracking.metrics.codec import Points
from tracking.metrics.pyramid import summarise


def points(*values: float) -> Points:
    steps = np.arange(len(values), dtype=np.int64)
    return Points(steps, steps * 1000, np.array(values, np.float64))


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.e+-]+) ([\d.e+-]+)", path)]


class TestSparkline:
    def test_goes_from_left_to_right_and_turns_y_upside_down(self) -> None:
        found = places(sparkline(points(0, 1, 0.5)))

        assert [x for x, _ in found] == [1.5, 50, 98.5]
        assert [y for _, y in found] == [18.5, 1.5, 10]

    @pytest.mark.parametrize("values", [(), (1.0,), (float("nan"), 1.0), (float("inf"),) * 3])
    def test_is_nothing_where_there_is_no_line(self, values: tuple[float, ...]) -> None:
        assert sparkline(points(*values)) == ""

    def test_is_level_where_nothing_changes(self) -> None:
        assert {y for _, y in places(sparkline(points(7, 7, 7)))} == {HEIGHT / 2}

    @pytest.mark.parametrize("values", [(1e308, -1e308, 0.0), (5e-324, 0.0)])
    def test_stays_in_its_room_whatever_the_values(self, values: tuple[float, ...]) -> None:
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places(sparkline(points(*values))))

    def test_keeps_a_spike_among_many_points(self) -> None:
        values = np.zeros(10_000)
        values[7_777] = 5.0

        found = places(sparkline(points(*values)))

        assert len(found) <= MOST_POINTS + 2
        assert min(y for _, y in found) == 1.5

    def test_draws_summaries_alike(self) -> None:
        values = np.sin(np.arange(5_000) / 300)
        values[1_234] = 4.0

        found = places(sparkline(summarise(points(*values), 6)))

        assert min(y for _, y in found) == 1.5
        assert [x for x, _ in found] == sorted(x for x, _ in found)
