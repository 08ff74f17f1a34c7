"""Experiments by name, in folders."""

import pytest

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.runs.experiment_tree import list_branch, list_experiment_ids, summaries_of
from tracking.runs.models import Experiment
from tracking.runs.services import create_experiment, create_run, delete_experiment
from tracking.workspaces.models import Workspace


@pytest.fixture
def workspace(people: People) -> Workspace:
    Experiment.objects.all().delete()
    return people.workspace


def add(workspace: Workspace, *names: str) -> list[Experiment]:
    return [create_experiment(workspace=workspace, name=name, by=None, now=utc_now()) for name in names]


def branch_names(workspace: Workspace, prefix: str = "") -> tuple[list[str], list[str]]:
    branch = list_branch(workspace=workspace, prefix=prefix)
    names = dict(Experiment.objects.values_list("pk", "name"))
    return [folder.prefix for folder in branch.folders], [names[pk] for pk in branch.experiment_ids]


class TestListBranch:
    def test_folds_only_what_two_share(self, workspace: Workspace) -> None:
        add(workspace, "b", "a/1", "a/2", "c/1")

        assert branch_names(workspace) == (["a/"], ["b", "c/1"])

    def test_leads_every_experiment_to_one_place(self, workspace: Workspace) -> None:
        names = ["a", "a/", "a//b", "a/b", "a/b/c", "/", "//", "A/b", "a/b/d"]
        add(workspace, *names)

        found, waiting = [], [""]
        while waiting:
            folders, here = branch_names(workspace, waiting.pop())
            found += here
            waiting += folders

        assert sorted(found) == sorted(names)

    def test_does_not_show_what_is_deleted(self, workspace: Workspace) -> None:
        gone, _ = add(workspace, "a/1", "a/2")
        delete_experiment(experiment=gone, by=None, now=utc_now())  # type: ignore[arg-type]

        assert branch_names(workspace) == ([], ["a/2"])

    def test_minds_capitals_in_a_prefix(self, workspace: Workspace) -> None:
        add(workspace, "a/1", "A/2")

        assert branch_names(workspace, "A/") == ([], ["A/2"])


class TestSummariesOf:
    def test_count_runs_in_the_order_asked_for(self, workspace: Workspace) -> None:
        first, second = add(workspace, "first", "second")
        create_run(experiment=second, name="run", user_name="ann", started_at=utc_now(), tags=[])

        found = summaries_of(experiment_ids=[second.pk, first.pk])

        assert [(one.row.name, one.run_count, one.running_count) for one in found] == [
            ("second", 1, 1),
            ("first", 0, 0),
        ]


class TestListExperimentIds:
    def test_goes_by_name(self, workspace: Workspace) -> None:
        c, a, b = add(workspace, "x/c", "x/a", "b")

        assert list_experiment_ids(workspace=workspace) == [b.pk, a.pk, c.pk]
        assert list_experiment_ids(workspace=workspace, prefix="x/") == [a.pk, c.pk]
