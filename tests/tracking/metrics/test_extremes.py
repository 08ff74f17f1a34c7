"""Where a metric began, and at which step it was lowest and highest."""

import math

import numpy as np
import pytest
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tests.tracking.metrics.points import curve
from tests.tracking.web.filling import add_experiment, add_run, fill, log
from tracking.metrics.codec import Points
from tracking.metrics.extremes import extremes_of
from tracking.metrics.queries import FEW, series_by_run
from tracking.runs.models import Run


@pytest.fixture
def run(people: People) -> Run:
    return add_run(add_experiment(people.workspace, "digits"), "run")


def extremes(run: Run) -> dict[str, tuple[float, int | None, int | None]]:
    found = extremes_of(run=run, series=series_by_run(run_ids=[run.pk])[run.pk])
    return {key: (one.first_value, one.low_step, one.high_step) for key, one in found.items()}


class TestExtremesOf:
    def test_are_the_first_steps_of_the_finite_values(self, run: Run) -> None:
        log(run, {"loss": [2.0, math.nan, 1.0, 3.0, 1.0, math.inf, 3.0], "one": [5.0]})

        assert extremes(run) == {"loss": (2.0, 2, 3), "one": (5.0, 0, 0)}

    def test_have_no_steps_where_no_value_is_finite(self, run: Run) -> None:
        log(run, {"up": [math.inf, math.nan]})

        assert extremes(run) == {"up": (math.inf, None, None)}

    @pytest.mark.parametrize("waiting", [0, 10])
    def test_are_the_same_of_points_and_of_summaries(self, run: Run, waiting: int) -> None:
        steps = np.arange(30 * FEW)
        values = np.sin(steps / 700)
        values[[0, 5, 77]] = [math.inf, -9.0, 9.0]
        packed = len(steps) - waiting
        fill(run, "loss", Points(steps, steps * 1000, values).take(slice(packed)))
        log(run, {"loss": values[packed:].tolist()}, first_step=packed)

        assert extremes(run) == {"loss": (math.inf, 5, 77)}

    def test_cost_the_same_whatever_their_number(
        self, run: Run, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number, count in enumerate([10, 2_000, 50_000, 500_000]):
            for other in range(3):
                fill(run, f"m{number}.{other}", curve(count))
        series = series_by_run(run_ids=[run.pk])[run.pk]

        with django_assert_max_num_queries(7):
            found = extremes_of(run=run, series=series)

        assert len(found) == 12
        assert all(len(one.curve) <= FEW for one in found.values())
