"""Removing logged models for good."""

import pytest

from tests.support.people import People
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import list_files
from tracking.artifacts.services import put_file
from tracking.core.clock import utc_now
from tracking.core.errors import NotFoundError
from tracking.registry.models import LoggedModel
from tracking.registry.queries import get_model, model_links_by_run
from tracking.registry.services import create_model, delete_model, log_outputs, purge_models
from tracking.runs.models import Run
from tracking.runs.queries import get_experiment
from tracking.runs.services import create_run
from tracking.runs.types import Pair


@pytest.fixture
def run(people: People) -> Run:
    return a_run(people)


def a_run(people: People) -> Run:
    default = get_experiment(workspace=people.workspace, experiment_id="0")
    return create_run(experiment=default, name="", user_name="ann", started_at=utc_now(), tags=[])


def model_of(run: Run) -> LoggedModel:
    model = create_model(
        experiment=run.experiment,
        name="net",
        model_type="",
        source_run=run,
        params=[Pair("depth", "3")],
        tags=[Pair("team", "a")],
        now=utc_now(),
    )
    log_outputs(run=run, models=[(model.uid, 1)])
    put_file(workspace=run.workspace, path=folder_of(model) / "MLmodel", chunks=[b"12345"], size_bytes=5)
    return model


def folder_of(model: LoggedModel) -> ArtifactPath:
    return ArtifactPath((str(model.experiment_id), "models", model.uid, "artifacts"))


class TestPurgeModels:
    def test_leaves_neither_row_nor_file(self, people: People, run: Run) -> None:
        model = model_of(run)

        freed = purge_models(run=run, by=people.ann.user, now=utc_now())

        assert freed == 5
        assert list_files(workspace=people.workspace, path=folder_of(model), limit=9) == []
        assert model_links_by_run(run_ids=[run.pk]) == {}
        with pytest.raises(NotFoundError):
            get_model(workspace=people.workspace, uid=model.uid)

    def test_takes_deleted_ones_too(self, people: People, run: Run) -> None:
        model = model_of(run)
        delete_model(model=model, by=people.ann.user, now=utc_now())

        purge_models(run=run, by=people.ann.user, now=utc_now())

        assert not LoggedModel.objects.filter(pk=model.pk).exists()

    def test_leaves_models_of_other_runs(self, people: People, run: Run) -> None:
        other = model_of(a_run(people))

        purge_models(run=run, by=people.ann.user, now=utc_now())

        assert get_model(workspace=people.workspace, uid=other.uid) == other
        assert [file.path for file in list_files(workspace=people.workspace, path=folder_of(other), limit=9)] == [
            "MLmodel"
        ]
