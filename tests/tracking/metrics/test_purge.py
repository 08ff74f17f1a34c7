"""Removing the points of a run for good."""

import pytest

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.metrics.queries import read_series, series_by_run
from tracking.metrics.services import compact, log_metric, purge_points
from tracking.metrics.types import Metric
from tracking.runs.models import Run
from tracking.runs.queries import get_experiment
from tracking.runs.services import create_run


def run_of_points(people: People, count: int) -> Run:
    default = get_experiment(workspace=people.workspace, experiment_id="0")
    run = create_run(experiment=default, name="", user_name="ann", started_at=utc_now(), tags=[])
    for step in range(count):
        log_metric(run=run, metric=Metric("loss", 0.5, step, step))
    return run


def points_left(run: Run) -> int:
    return sum(len(points) for points in read_series(runs=[run], keys=["loss"]).values())


class TestPurgePoints:
    def test_takes_no_more_than_it_is_asked_to(self, people: People) -> None:
        run = run_of_points(people, 5)

        removed = purge_points(run=run, limit=2)

        assert removed == 2
        assert points_left(run) == 3

    @pytest.mark.parametrize("count", [0, 1, 4, 5])
    def test_ends_with_nothing_left(self, people: People, count: int) -> None:
        run = run_of_points(people, count)

        while purge_points(run=run, limit=2) == 2:
            pass

        assert points_left(run) == 0
        assert series_by_run(run_ids=[run.pk]) == {}

    def test_takes_blocks_too(self, people: People) -> None:
        run = run_of_points(people, 70)
        compact(run_id=run.pk)
        run_of_points(people, 1)

        removed = purge_points(run=run, limit=10)

        assert removed == 1
        assert points_left(run) == 0

    def test_leaves_the_points_of_other_runs(self, people: People) -> None:
        run, other = run_of_points(people, 3), run_of_points(people, 3)

        purge_points(run=run, limit=10)

        assert points_left(other) == 3
        assert list(series_by_run(run_ids=[other.pk])) == [other.pk]
