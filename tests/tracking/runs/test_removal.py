"""Removing runs and experiments for good."""

import pytest

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.core.errors import InvalidStateError, NotFoundError
from tracking.metrics.services import log_batch
from tracking.metrics.types import Metric
from tracking.runs.models import Dataset, Experiment, Key, Run
from tracking.runs.queries import get_experiment, get_run, run_row
from tracking.runs.removal import purge_experiment, purge_runs
from tracking.runs.services import create_experiment, create_run, log_datasets
from tracking.runs.types import DatasetLogged, Pair

IRIS = DatasetLogged(name="iris", digest="d1", source_type="s3", source="{}", schema="", profile="", tags=())


@pytest.fixture
def experiment(people: People) -> Experiment:
    return create_experiment(workspace=people.workspace, name="flowers", by=people.ann.user, now=utc_now())


def full_run(experiment: Experiment) -> Run:
    run = create_run(experiment=experiment, name="otter", user_name="ann", started_at=utc_now(), tags=[])
    log_batch(run=run, metrics=[Metric("loss", 0.5, 1, 0)], params=[Pair("lr", "0.1")], tags=[Pair("team", "a")])
    log_datasets(run=run, datasets=[IRIS])
    return run


class TestPurgeRuns:
    def test_leaves_nothing_of_the_run(self, people: People, experiment: Experiment) -> None:
        run = full_run(experiment)

        purge_runs(pks=[run.pk])

        with pytest.raises(NotFoundError):
            get_run(workspace=people.workspace, uid=run.uid)

    def test_leaves_other_runs_as_they_were(self, people: People, experiment: Experiment) -> None:
        run, other = full_run(experiment), full_run(experiment)
        before = run_row(other)

        purge_runs(pks=[run.pk])

        assert run_row(other) == before
        assert other.metric_segments.count() == 1

    def test_tells_what_went(self, experiment: Experiment) -> None:
        run = full_run(experiment)

        went = purge_runs(pks=[run.pk])

        assert went == {"runs": 1, "params": 1, "tags": 2, "datasets": 1}


class TestPurgeExperiment:
    def test_leaves_nothing_of_it(self, people: People, experiment: Experiment) -> None:
        purge_runs(pks=[full_run(experiment).pk])

        purge_experiment(pk=experiment.pk)

        with pytest.raises(NotFoundError):
            get_experiment(workspace=people.workspace, experiment_id=str(experiment.pk))
        assert not Key.objects.filter(experiment=experiment.pk).exists()
        assert not Dataset.objects.filter(experiment=experiment.pk).exists()

    def test_makes_its_name_free(self, people: People, experiment: Experiment) -> None:
        purge_experiment(pk=experiment.pk)

        again = create_experiment(workspace=people.workspace, name="flowers", by=people.ann.user, now=utc_now())

        assert again.name == "flowers"

    def test_is_refused_while_it_has_runs(self, people: People, experiment: Experiment) -> None:
        run = full_run(experiment)

        with pytest.raises(InvalidStateError, match="has runs"):
            purge_experiment(pk=experiment.pk)

        assert get_run(workspace=people.workspace, uid=run.uid) == run
