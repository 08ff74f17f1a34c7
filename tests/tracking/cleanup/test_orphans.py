"""Files without rows and rows without files."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from tests.support.people import People
from tests.tracking.cleanup.filling import a_run, an_experiment, done, files_of, rows
from tracking.artifacts.queries import workspace_folder
from tracking.cleanup.services import hunt_orphans
from tracking.cleanup.types import Mode, State
from tracking.core.clock import utc_now
from tracking.registry.models import LoggedModel
from tracking.registry.services import create_model
from tracking.runs.models import Experiment
from tracking.runs.types import Pair

OLD = timedelta(hours=25)


@pytest.fixture
def experiment(people: People) -> Experiment:
    """Return an experiment with a run of everything."""
    experiment = an_experiment(people.workspace, "one")
    a_run(experiment)
    return experiment


def leave(*parts: str, age: timedelta = OLD) -> Path:
    """Put a file of five bytes into the store that no row knows of."""
    path = Path(settings.ARTIFACT_ROOT).joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"12345")
    moment = (utc_now() - age).timestamp()
    os.utime(path, (moment, moment))
    return path


def age_models() -> None:
    LoggedModel.objects.update(created_at=utc_now() - OLD)


class TestHunt:
    def test_finds_files_without_a_row_wherever_they_lie(self, people: People, experiment: Experiment) -> None:
        mine, number = str(workspace_folder(people.workspace)), str(experiment.pk)
        orphans = [
            leave("workspace-999999", "1", "0" * 32, "artifacts", "a"),
            leave(mine, "999999", "0" * 32, "artifacts", "a"),
            leave(mine, number, "0" * 32, "artifacts", "deep", "a"),
            leave(mine, number, "models", "m-" + "0" * 32, "artifacts", "a"),
        ]
        kept = [leave(mine, "datasets", "a"), leave("elsewhere", "a")]

        looked = done(hunt_orphans(mode=Mode.LOOK, by=people.ann.user, now=utc_now()))
        assert [path.exists() for path in orphans] == [True] * 4
        removed = done(hunt_orphans(mode=Mode.PURGE, by=people.ann.user, now=utc_now()))

        for hunt in (looked, removed):
            assert hunt.state == State.DONE
            assert hunt.report is not None
            assert hunt.report["counts"] == {"artifacts": 4, "artifact_bytes": 20}
        assert (looked.bytes_freed, removed.bytes_freed) == (0, 20)
        assert [path.exists() for path in orphans + kept] == [False] * 4 + [True] * 2

    def test_leaves_what_has_a_row(self, people: People, experiment: Experiment) -> None:
        age_models()
        for path in Path(settings.ARTIFACT_ROOT).rglob("*"):
            os.utime(path, (0, 0))
        before, files = rows(), files_of(people.workspace)

        hunt = done(hunt_orphans(mode=Mode.PURGE, by=people.ann.user, now=utc_now()))

        assert (rows(), files_of(people.workspace), hunt.bytes_freed) == (before, files, 0)

    def test_leaves_what_is_young(self, people: People, experiment: Experiment) -> None:
        mine = str(workspace_folder(people.workspace))
        leave(mine, str(experiment.pk), "0" * 32, "artifacts", "old")
        young = leave(mine, str(experiment.pk), "0" * 32, "artifacts", "young", age=timedelta(hours=23))

        done(hunt_orphans(mode=Mode.PURGE, by=people.ann.user, now=utc_now()))

        assert young.exists()

    def test_finds_models_whose_files_are_missing(self, people: People, experiment: Experiment) -> None:
        shutil.rmtree(
            Path(settings.ARTIFACT_ROOT) / str(workspace_folder(people.workspace)) / str(experiment.pk) / "models"
        )
        elsewhere = create_model(
            experiment=experiment,
            name="remote",
            model_type="",
            source_run=None,
            params=[],
            tags=[Pair("mlflow.model.isExternal", "true")],
            now=utc_now(),
        )
        age_models()

        looked = done(hunt_orphans(mode=Mode.LOOK, by=people.ann.user, now=utc_now()))
        assert looked.report is not None
        assert looked.report["counts"] == {"models": 1}
        done(hunt_orphans(mode=Mode.PURGE, by=people.ann.user, now=utc_now()))

        assert list(LoggedModel.objects.all()) == [elsewhere]

    def test_goes_once_at_a_time(self, people: People) -> None:
        first = hunt_orphans(mode=Mode.LOOK, by=people.ann.user, now=utc_now())

        assert hunt_orphans(mode=Mode.PURGE, by=None, now=utc_now()).uid == first.uid
