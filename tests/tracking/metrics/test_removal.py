"""Removing points for good: of runs that go, or one metric of a run that stays."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.metrics.queries import read_series, series_by_run
from tracking.metrics.removal import measure_points, purge_metric, purge_points
from tracking.metrics.services import compact, log_batch, log_metric
from tracking.metrics.types import Metric
from tracking.runs.models import Key, Run
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

        removed = purge_points(run_ids=[run.pk], limit=2)

        assert not removed.is_rest
        assert removed.size_bytes > 0
        assert points_left(run) == 3

    @pytest.mark.parametrize("count", [0, 1, 4, 5])
    def test_ends_with_nothing_left(self, people: People, count: int) -> None:
        run = run_of_points(people, count)

        while not purge_points(run_ids=[run.pk], limit=2).is_rest:
            pass

        assert points_left(run) == 0
        assert series_by_run(run_ids=[run.pk]) == {}

    def test_takes_blocks_too(self, people: People) -> None:
        run = run_of_points(people, 70)
        compact(run_id=run.pk)
        run_of_points(people, 1)

        removed = purge_points(run_ids=[run.pk], limit=10)

        assert (removed.series, removed.points, removed.is_rest) == (1, 70, True)
        assert points_left(run) == 0

    def test_costs_segments_and_blocks_not_points(self, people: People) -> None:
        def cost(points: int) -> int:
            run = run_of_points(people, 1)
            for start in range(0, points, 1000):
                metrics = [Metric("loss", step / 7, step, step) for step in range(start, start + 1000)]
                log_batch(run=run, metrics=metrics, params=[], tags=[])
            compact(run_id=run.pk)
            with CaptureQueriesContext(connection) as statements:
                assert purge_points(run_ids=[run.pk], limit=2).is_rest  # so it took one row at most
            return len(statements)

        assert cost(1_000) == cost(10_000)

    def test_leaves_the_points_of_other_runs(self, people: People) -> None:
        run, other = run_of_points(people, 3), run_of_points(people, 3)

        purge_points(run_ids=[run.pk], limit=10)

        assert points_left(other) == 3
        assert list(series_by_run(run_ids=[other.pk])) == [other.pk]

    def test_frees_what_was_measured_before(self, people: People) -> None:
        run = run_of_points(people, 5)
        held = measure_points(runs=Run.objects.filter(pk=run.pk))

        removed = purge_points(run_ids=[run.pk], limit=10)

        assert (held.series, held.points, held.size_bytes) == (removed.series, removed.points, removed.size_bytes)


class TestPurgeMetric:
    @pytest.fixture
    def run(self, people: People) -> Run:
        run = run_of_points(people, 0)
        for step in range(70):
            log_batch(
                run=run,
                metrics=[Metric("loss", 0.5, step, step), Metric("accuracy", step / 70, step, step)],
                params=[],
                tags=[],
            )
        return run

    @pytest.mark.parametrize("is_compacted", [False, True])
    def test_takes_one_metric_and_no_other(self, run: Run, is_compacted: bool) -> None:
        if is_compacted:
            compact(run_id=run.pk)
        loss = Key.objects.get(name="loss")
        before = read_series(runs=[run], keys=["accuracy"])[run.uid, "accuracy"]

        after: int | None = 0
        while after is not None:
            after = purge_metric(run_id=run.pk, key_id=loss.pk, after=after, limit=9).after

        kept = read_series(runs=[run], keys=["loss", "accuracy"])
        assert [key for _, key in kept] == ["accuracy"]
        assert kept[run.uid, "accuracy"].values.tolist() == before.values.tolist()
        assert [row.key for row in series_by_run(run_ids=[run.pk])[run.pk]] == ["accuracy"]
