"""Searches as the API and the pages ask them: texts in, rows and tokens out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tracking.core.clock import from_ms
from tracking.core.errors import FilterError, InvalidParameterError
from tracking.core.pages import Page
from tracking.metrics.models import MetricSeries
from tracking.runs import queries
from tracking.runs.models import Experiment, Key, Param, Run, RunTag
from tracking.runs.types import KeyKind, Lifecycle, RunRow, RunStatus
from tracking.workspaces.models import ResourceGroup, Workspace

START = from_ms(1_700_000_000_000)


@pytest.fixture
def workspace(db: None) -> Workspace:
    group = ResourceGroup.objects.create(name="lab", created_at=START)
    return Workspace.objects.create(group=group, name="lab", created_at=START)


def add_experiment(workspace: Workspace, name: str, *, is_default: bool = False) -> Experiment:
    return Experiment.objects.create(
        workspace=workspace, name=name, is_default=is_default, created_at=START, updated_at=START
    )


def add_runs(
    experiment: Experiment, names: Sequence[str], *, loss: float | None = 1.0, deleted_at: datetime | None = None
) -> None:
    """Add runs, each started a second after the one before, with one param, tag and metric."""
    already = Run.objects.count()
    param, tag, metric = (
        Key.objects.get_or_create(experiment=experiment, kind=kind, name=name)[0]
        for kind, name in ((KeyKind.PARAM, "lr"), (KeyKind.TAG, "stage"), (KeyKind.METRIC, "loss"))
    )
    for number, name in enumerate(names, start=already):
        run = Run.objects.create(
            uid=f"{number:032x}",
            workspace=experiment.workspace,
            experiment=experiment,
            name=name,
            status=RunStatus.FINISHED,
            started_at=from_ms(1_700_000_000_000 + number * 1000),
            deleted_at=deleted_at,
        )
        Param.objects.create(run=run, key=param, value="0.1")
        RunTag.objects.create(run=run, key=tag, value="draft")
        MetricSeries.objects.create(
            run=run,
            key=metric,
            latest_step=0,
            latest_timestamp_ms=0,
            latest_value=None if loss is None else loss + number,
            first_step=0,
            last_step=0,
            received=1,
        )


def search_runs(**asked: Any) -> Page[RunRow]:
    return queries.search_runs(**{"now": START, **asked})


def count_runs(**asked: Any) -> int:
    return queries.count_runs(**{"now": START, **asked})


def names_of(page: Page[RunRow]) -> list[str]:
    return [row.name for row in page.rows]


class TestSearchRuns:
    def test_returns_the_newest_first(self, workspace: Workspace) -> None:
        experiment = add_experiment(workspace, "vision")
        add_runs(experiment, ["a", "b", "c"])

        page = search_runs(workspace=workspace, experiment_ids=[str(experiment.pk)], max_results=10)

        assert names_of(page) == ["c", "b", "a"]
        assert page.next_token is None

    def test_filters_and_sorts_over_experiments_that_have_the_same_keys(self, workspace: Workspace) -> None:
        vision, speech = add_experiment(workspace, "vision"), add_experiment(workspace, "speech")
        add_runs(vision, ["a", "b"])
        add_runs(speech, ["c", "d"])
        add_runs(vision, ["nan"], loss=None)

        page = search_runs(
            workspace=workspace,
            experiment_ids=[str(vision.pk), str(speech.pk)],
            filter_text="params.lr = '0.1' AND (metrics.loss > 1 OR tags.stage LIKE 'DRAFT' OR run_name = 'nan')",
            order_by=["metrics.loss DESC"],
            max_results=10,
        )

        assert names_of(page) == ["d", "c", "b", "nan"]

    def test_pages_on_where_it_stopped(self, workspace: Workspace) -> None:
        experiment = add_experiment(workspace, "vision")
        add_runs(experiment, ["a", "b", "c"])
        ids, order_by = [str(experiment.pk)], ["metrics.loss"]

        first = search_runs(workspace=workspace, experiment_ids=ids, order_by=order_by, max_results=2)
        add_runs(experiment, ["earlier"], loss=-10.0)
        second = search_runs(
            workspace=workspace,
            experiment_ids=ids,
            order_by=order_by,
            max_results=2,
            page_token=first.next_token or "",
        )

        assert (names_of(first), names_of(second)) == (["a", "b"], ["c"])
        assert second.next_token is None

    def test_remembers_how_it_asked_and_not_what_it_was_answered(self, workspace: Workspace) -> None:
        experiment = add_experiment(workspace, "vision")
        asked = {
            "workspace": workspace,
            "experiment_ids": [str(experiment.pk)],
            "filter_text": "metrics.loss > 0 AND params.lr = '0.1'",
            "order_by": ["metrics.loss"],
            "max_results": 10,
        }
        answers = []

        for names in ([], ["a"], ["b"]):
            add_runs(experiment, names)
            answers.append(names_of(search_runs(**asked)))

        assert answers == [[], ["a"], ["a", "b"]]

    def test_asks_the_same_number_of_queries_for_ten_more_runs(
        self, workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        experiment = add_experiment(workspace, "vision")
        for more in (1, 10):
            add_runs(experiment, [f"run {number}" for number in range(more)])

            with django_assert_num_queries(8):  # two of them for names that a process asks for once
                page = search_runs(
                    workspace=workspace,
                    experiment_ids=[str(experiment.pk)],
                    filter_text="metrics.loss > 0 AND params.lr != '1' AND tags.stage IS NOT NULL",
                    order_by=["metrics.loss DESC", "params.lr"],
                    max_results=50,
                )

        assert len(page.rows) == 11

    @pytest.mark.parametrize(
        ("lifecycle", "expected"),
        [(Lifecycle.ACTIVE, ["there"]), (Lifecycle.DELETED, ["gone"]), (Lifecycle.ALL, ["gone", "there"])],
    )
    def test_shows_the_lifecycle_that_was_asked_for(
        self, workspace: Workspace, lifecycle: Lifecycle, expected: list[str]
    ) -> None:
        experiment = add_experiment(workspace, "vision")
        add_runs(experiment, ["there"])
        add_runs(experiment, ["gone"], deleted_at=START)

        page = search_runs(
            workspace=workspace, experiment_ids=[str(experiment.pk)], lifecycle=lifecycle, max_results=10
        )

        assert names_of(page) == expected

    def test_sees_nothing_of_other_workspaces(self, workspace: Workspace) -> None:
        other = Workspace.objects.create(group=workspace.group, name="other", created_at=START)
        foreign = add_experiment(other, "vision")
        add_runs(foreign, ["a"])

        page = search_runs(workspace=workspace, experiment_ids=[str(foreign.pk), "0", "x"], max_results=10)

        assert page == Page([], None)

    def test_finds_the_default_experiment_by_its_alias(self, workspace: Workspace) -> None:
        add_runs(add_experiment(workspace, "Default", is_default=True), ["a"])

        assert names_of(search_runs(workspace=workspace, experiment_ids=["0"], max_results=10)) == ["a"]

    def test_refuses_a_filter_that_does_not_parse_though_no_experiment_exists(self, workspace: Workspace) -> None:
        with pytest.raises(FilterError):
            search_runs(workspace=workspace, experiment_ids=[], filter_text="metrics.", max_results=10)

    def test_refuses_the_token_of_another_order(self, workspace: Workspace) -> None:
        experiment = add_experiment(workspace, "vision")
        add_runs(experiment, ["a", "b"])
        ids = [str(experiment.pk)]
        token = search_runs(workspace=workspace, experiment_ids=ids, max_results=1).next_token

        with pytest.raises(InvalidParameterError, match="Ask for the first page again"):
            search_runs(
                workspace=workspace,
                experiment_ids=ids,
                order_by=["metrics.loss"],
                page_token=token or "",
                max_results=1,
            )


class TestCountRuns:
    def test_counts_what_a_search_would_walk(self, workspace: Workspace) -> None:
        experiment = add_experiment(workspace, "vision")
        add_runs(experiment, ["a", "b", "c"])
        add_runs(experiment, ["gone"], deleted_at=START)

        count = count_runs(workspace=workspace, experiment_ids=[str(experiment.pk)], filter_text="metrics.loss > 1")

        assert count == 2

    def test_is_zero_without_experiments(self, workspace: Workspace) -> None:
        assert count_runs(workspace=workspace, experiment_ids=[], filter_text="NOT metrics.loss > 1") == 0


class TestSearchExperiments:
    def test_pages_through_those_of_the_workspace(
        self, workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        other = Workspace.objects.create(group=workspace.group, name="other", created_at=START)
        add_experiment(other, "vision 0")
        for number in range(3):
            add_experiment(workspace, f"vision {number}")
        add_experiment(workspace, "speech")

        with django_assert_num_queries(2):
            first = queries.search_experiments(
                workspace=workspace, filter_text="name LIKE 'vision%'", order_by=["name DESC"], max_results=2
            )
        second = queries.search_experiments(
            workspace=workspace,
            filter_text="name LIKE 'vision%'",
            order_by=["name DESC"],
            max_results=2,
            page_token=first.next_token or "",
        )

        assert [row.name for row in first.rows] == ["vision 2", "vision 1"]
        assert [row.name for row in second.rows] == ["vision 0"]
        assert second.next_token is None
