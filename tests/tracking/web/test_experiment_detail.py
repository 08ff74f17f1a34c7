import math
import re
from collections.abc import Callable
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run
from tracking.core.clock import utc_now
from tracking.core.memory import Memory
from tracking.runs.models import Experiment
from tracking.runs.services import delete_run
from tracking.runs.types import RunStatus


@pytest.fixture
def experiment(people: People) -> Experiment:
    return add_experiment(people.workspace, "digits")


@pytest.fixture
def page(client: Client, people: People, experiment: Experiment) -> Callable[..., str]:
    """Return Bob's way to the page: ``page(filter="…")`` is its HTML."""
    client.force_login(people.bob.user)

    def get(**query: str | list[str]) -> str:
        response = client.get(f"/w/default/experiments/{experiment.pk}", query)
        assert response.status_code == 200
        return response.content.decode()

    return get


def names(html: str) -> list[str]:
    """Return the names of the runs in the table, from top to bottom."""
    return [unescape(found) for found in re.findall(r'<a href="/w/default/runs/\w+" title="([^"]*)">', html)]


def column_heads(html: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'title="((?:params|metrics|tags)\.[^"]*)"', html)]


class TestExperimentDetail:
    def test_lists_the_newest_runs_first(self, page: Callable[..., str], experiment: Experiment) -> None:
        add_run(experiment, "old", hours_ago=3)
        add_run(experiment, "new", hours_ago=1)

        assert names(page()) == ["new", "old"]

    def test_shows_a_snippet_where_there_is_no_run(self, page: Callable[..., str]) -> None:
        html = page()

        assert "mlflow.set_experiment(&quot;digits&quot;)" in html
        assert "data-chart-grid" not in html

    def test_filters_with_the_search_grammar(self, page: Callable[..., str], experiment: Experiment) -> None:
        add_run(experiment, "good", metrics={"val/loss": [0.1]}, params={"lr": "0.01"})
        add_run(experiment, "bad", metrics={"val/loss": [0.9]}, params={"lr": "0.01"})

        assert names(page(filter="metrics.`val/loss` < 0.5 AND params.lr = '0.01'")) == ["good"]

    def test_points_at_the_place_where_a_filter_goes_wrong(
        self, page: Callable[..., str], experiment: Experiment
    ) -> None:
        add_run(experiment, "one")

        html = page(filter="metrics.loss <> 3")

        assert "metrics.loss &lt;&gt; 3\n             ^" in html
        assert 'value="metrics.loss &lt;&gt; 3"' in html
        assert 'role="alert"' in html
        assert names(html) == []

    def test_explains_an_order_that_does_not_parse(self, page: Callable[..., str], experiment: Experiment) -> None:
        add_run(experiment, "one")

        assert 'role="alert"' in page(order_by="metrics.loss UPWARDS")

    def test_says_so_when_nothing_matches(self, page: Callable[..., str], experiment: Experiment) -> None:
        add_run(experiment, "one")

        html = page(filter="params.lr = '7'")

        assert "No run matches this filter" in html
        assert "0 runs" in html

    def test_sorts_by_a_metric_with_a_slash(self, page: Callable[..., str], experiment: Experiment) -> None:
        for name, loss in (("middle", 0.5), ("best", 0.1), ("worst", 0.9)):
            add_run(experiment, name, metrics={"val/loss": [loss]})

        html = page(order_by="metrics.`val/loss` DESC")

        assert names(html) == ["worst", "middle", "best"]
        assert 'aria-sort="descending"' in html

    def test_sorts_the_best_first_when_a_head_is_clicked(
        self, page: Callable[..., str], experiment: Experiment
    ) -> None:
        add_run(experiment, "one", metrics={"loss": [1.0], "acc": [1.0]})

        html = unescape(page())

        assert "order_by=metrics.%60loss%60%20ASC" in html
        assert "order_by=metrics.%60acc%60%20DESC" in html

    def test_shows_metrics_that_most_runs_have_and_params_that_differ(
        self, page: Callable[..., str], experiment: Experiment
    ) -> None:
        add_run(experiment, "a", metrics={"loss": [1.0], "rare": [1.0]}, params={"lr": "0.1", "model": "tree"})
        add_run(experiment, "b", metrics={"loss": [2.0], "system/cpu": [2.0]}, params={"lr": "0.2", "model": "tree"})

        assert column_heads(page()) == ["metrics.loss", "metrics.rare", "params.lr"]

    def test_shows_the_columns_that_were_chosen(self, page: Callable[..., str], experiment: Experiment) -> None:
        add_run(experiment, "a", metrics={"loss": [1.0]}, params={"lr": "0.1"}, tags={"team": "vision"})

        html = page(columns=["tags.team", "params.lr", "nonsense"])

        assert column_heads(html) == ["tags.team", "params.lr"]
        assert ">vision<" in html

    def test_turns_pages(self, page: Callable[..., str], experiment: Experiment) -> None:
        for number in range(51):
            add_run(experiment, f"run {number}", hours_ago=number + 1)

        first = page()
        link = re.search(r'href="\?([^"]*)" rel="next"', first)

        assert len(names(first)) == 50
        assert "51 runs" in first
        assert link is not None
        token = re.search(r"page=([^&]*)", unescape(link[1]))
        assert token is not None
        assert names(page(page=token[1].replace("%3D", "="))) == ["run 50"]

    def test_refuses_a_page_token_of_nobody(self, client: Client, people: People, experiment: Experiment) -> None:
        client.force_login(people.bob.user)

        assert client.get(f"/w/default/experiments/{experiment.pk}?page=x").status_code == 400

    def test_draws_the_newest_ten_runs_of_the_page(self, page: Callable[..., str], experiment: Experiment) -> None:
        for number in range(12):
            add_run(experiment, f"run {number}", metrics={"loss": [1.0]}, hours_ago=number + 1)

        html = page()

        assert html.count('data-run-toggle="') == 10
        assert html.count("is-absent") == 2

    def test_draws_the_runs_that_were_chosen(self, page: Callable[..., str], experiment: Experiment) -> None:
        runs = [add_run(experiment, f"run {i}", metrics={f"m{i}": [1.0]}) for i in range(3)]

        html = page(runs=f"{runs[2].uid},{runs[0].uid}")

        assert set(re.findall(r'data-run-toggle="(\w+)"', html)) == {runs[2].uid, runs[0].uid}
        assert '"metrics": ["m0", "m2"]' in html

    def test_shows_deleted_runs_only_when_asked(
        self, page: Callable[..., str], people: People, experiment: Experiment
    ) -> None:
        gone = add_run(experiment, "gone")
        add_run(experiment, "here")
        delete_run(run=gone, by=people.ann.user, now=utc_now())

        assert names(page()) == ["here"]
        assert names(page(show="deleted")) == ["gone"]

    def test_answers_htmx_with_the_columns_alone(self, client: Client, people: People, experiment: Experiment) -> None:
        add_run(experiment, "one", metrics={"loss": [1.0], "acc": [1.0]})
        client.force_login(people.bob.user)

        response = client.get(
            f"/w/default/experiments/{experiment.pk}?keys=acc&columns=metrics.loss",
            headers={"HX-Request": "true", "HX-Target": "columns-choices"},
        )

        html = response.content.decode()
        assert re.findall(r'value="([^"]*)"( checked)?', html) == [("metrics.loss", " checked"), ("metrics.acc", "")]
        assert "<html" not in html

    def test_survives_ugly_data(self, page: Callable[..., str], experiment: Experiment) -> None:
        add_run(experiment, "<img src=x onerror=alert(1)>", metrics={"loss": [math.nan], "acc": [math.inf]})
        add_run(experiment, "n" * 500, params={"p": "</script><b>"}, status=RunStatus.RUNNING)
        add_run(experiment, "训练 🚀")

        html = page()

        assert "<img src=x" not in html
        assert "</script><b>" not in html
        assert ">NaN<" in html
        assert "训练 🚀" in html

    def test_does_not_exist_for_a_stranger(self, client: Client, people: People, experiment: Experiment) -> None:
        client.force_login(people.cleo.user)

        assert client.get(f"/w/default/experiments/{experiment.pk}").status_code == 404

    def test_does_not_exist_in_another_workspace(self, client: Client, people: People) -> None:
        elsewhere = add_experiment(People.around("other").workspace, "secret")
        client.force_login(people.bob.user)

        assert client.get(f"/w/default/experiments/{elsewhere.pk}").status_code == 404

    def test_needs_no_more_queries_for_ten_more_runs(self, page: Callable[..., str], experiment: Experiment) -> None:
        add_run(experiment, "first", metrics={"loss": [1.0]}, params={"lr": "1"}, tags={"a": "b"})
        Memory.forget_all()  # what a second may change would otherwise be asked again on a busy machine
        with CaptureQueriesContext(connection) as few:
            page()
        for number in range(10):
            add_run(experiment, f"run {number}", metrics={"loss": [1.0], f"m{number}": [2.0]}, params={"lr": "2"})

        Memory.forget_all()
        with CaptureQueriesContext(connection) as many:
            page()

        assert len(many) == len(few)
