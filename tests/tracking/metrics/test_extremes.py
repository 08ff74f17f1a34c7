"""At which step a metric was lowest and highest."""

import math

import pytest

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run, log
from tracking.metrics.extremes import extremes_of
from tracking.metrics.queries import series_by_run
from tracking.runs.models import Run


@pytest.fixture
def run(people: People) -> Run:
    return add_run(add_experiment(people.workspace, "digits"), "run")


def extremes(run: Run) -> dict[str, tuple[int, int]]:
    found = extremes_of(run=run, series=series_by_run(run_ids=[run.pk])[run.pk])
    return {key: (one.low_step, one.high_step) for key, one in found.items()}


class TestExtremesOf:
    def test_are_the_first_steps_of_the_finite_values(self, run: Run) -> None:
        log(run, {"loss": [2.0, math.nan, 1.0, 3.0, 1.0, math.inf, 3.0], "nan": [math.nan], "one": [5.0]})

        assert extremes(run) == {"loss": (2, 3), "one": (0, 0)}
