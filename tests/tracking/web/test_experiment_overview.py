"""The overview of an experiment: its note, how its runs stand, the best of them."""

import json
import math
import re
from html import unescape

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run
from tracking.core.clock import utc_now
from tracking.core.memory import Memory
from tracking.runs.models import Experiment
from tracking.runs.services import delete_experiment, set_experiment_tag
from tracking.runs.types import NOTE_TAG, Pair, RunStatus
from tracking.web.best_runs import MAX_METRICS, NEWEST
from tracking.web.experiment_overview import RUNS_SHOWN


@pytest.fixture
def experiment(people: People) -> Experiment:
    return add_experiment(people.workspace, "digits")


@pytest.fixture
def bob(client: Client, people: People) -> Client:
    client.force_login(people.bob.user)
    return client


def url_of(experiment: Experiment) -> str:
    return f"/w/default/experiments/{experiment.pk}/overview"


def page_of(client: Client, experiment: Experiment, **query: str | list[str]) -> str:
    response = client.get(url_of(experiment), query)
    assert response.status_code == 200
    return response.content.decode()


def boards(page: str) -> dict[str, list[str]]:
    """Return the names of the runs on each board, the best first, by metric."""
    parts = re.findall(r'<section class="card-plain" aria-labelledby="board-.*?</section>', page, re.S)
    names = [re.findall(r'href="/w/default/runs/\w+" title="([^"]*)"', part) for part in parts]
    metrics = [re.findall(r"<h3[^>]*><bdi>(.*?)</bdi>", part)[0] for part in parts]
    return dict(zip(metrics, names, strict=True))


class TestFacts:
    def test_show_the_note_and_all_tags(self, bob: Client, experiment: Experiment) -> None:
        for tag in (Pair(NOTE_TAG, "**why** <script>x</script>"), Pair("team", "vision" * 20)):
            set_experiment_tag(experiment=experiment, tag=tag, now=utc_now())

        page = page_of(bob, experiment)

        assert ("<strong>why</strong>" in page, "<script>x" in page, "vision" * 20 in page) == (True, False, True)
        assert 'name="action"' not in page

    def test_count_the_runs_in_each_state_and_lead_to_them(self, bob: Client, experiment: Experiment) -> None:
        for status in (RunStatus.FAILED, RunStatus.FAILED, RunStatus.RUNNING):
            add_run(experiment, "run", status=status)

        page = page_of(bob, experiment)

        table = f"/w/default/experiments/{experiment.pk}"
        link = f'href="{table}?filter=attributes.status%20%3D%20%27{{}}%27">{{}}</a>'
        assert (link.format("FAILED", 2) in page, link.format("RUNNING", 1) in page) == (True, True)
        assert "FINISHED" not in page

    def test_say_how_much_the_runs_hold(self, bob: Client, experiment: Experiment) -> None:
        add_run(experiment, "run", metrics={"loss": [1.0, 2.0, 3.0]})

        assert "3 points, " in page_of(bob, experiment)
        assert "Measure artifacts" not in page_of(bob, experiment, sizes="all")

    def test_of_a_deleted_experiment_are_what_they_were(
        self, bob: Client, people: People, experiment: Experiment
    ) -> None:
        add_run(experiment, "run", metrics={"loss": [1.0]})
        delete_experiment(experiment=experiment, by=people.ann.user, now=utc_now())

        page = page_of(bob, experiment)

        assert ("This experiment was deleted" in page, boards(page)) == (True, {"loss": ["run"]})


class TestBoard:
    def test_has_the_best_first_each_way(self, bob: Client, experiment: Experiment) -> None:
        for name, value in (("a", 0.5), ("b", 0.1), ("c", 0.9), ("d", math.nan)):
            add_run(experiment, name, metrics={"val/loss": [9.0, value], "val/acc": [0.0, value]})
        add_run(experiment, "without")

        found = boards(page_of(bob, experiment))

        assert found == {"val/acc": ["c", "a", "b"], "val/loss": ["b", "a", "c"]}

    def test_follows_what_somebody_said(self, bob: Client, experiment: Experiment) -> None:
        for name, value in (("a", 0.5), ("b", 0.1)):
            add_run(experiment, name, metrics={"loss": [value], "width": [value]})
        for metric in ("loss", "width"):
            tag = Pair(f"mlportal.direction.{metric}", "more")
            set_experiment_tag(experiment=experiment, tag=tag, now=utc_now())

        page = page_of(bob, experiment)

        assert boards(page) == {"loss": ["a", "b"], "width": ["a", "b"]}
        assert re.findall(r'<a class="long-name" href="\?metric=\w+" title="(\w+)"', page) == ["loss", "width"]
        assert "as somebody said" in page

    def test_names_the_params_that_differ_with_links(self, bob: Client, experiment: Experiment) -> None:
        for number in range(2):
            params = {"lr": f"0.{number}", "model": "tree", "both": f"{number} \" '"}
            add_run(experiment, f"run {number}", metrics={"loss": [float(number)]}, params=params)

        page = unescape(page_of(bob, experiment))

        assert re.findall(r'<th scope="col" title="(\w+)"', page) == ["both", "lr"]
        table = f"/w/default/experiments/{experiment.pk}"
        assert f'href="{table}?filter=params.%60lr%60%20%3D%20%270.1%27">0.1</a>' in page
        assert "params.%60both%60" not in page

    def test_says_how_many_params_are_left_out(self, bob: Client, experiment: Experiment) -> None:
        for number in range(2):
            params = {f"p{place}": str(number) for place in range(6)}
            add_run(experiment, f"run {number}", metrics={"loss": [float(number)]}, params=params)

        assert "Compare them: 2 more params differ" in page_of(bob, experiment)

    def test_shows_only_so_many_metrics_and_runs(self, bob: Client, experiment: Experiment) -> None:
        for number in range(RUNS_SHOWN + 1):
            metrics = {f"set{place}/loss": [float(number)] for place in range(MAX_METRICS + 1)}
            add_run(experiment, f"run {number}", metrics=metrics)

        found = boards(page_of(bob, experiment))
        (alone,) = boards(page_of(bob, experiment, metric="set0/loss")).values()

        assert [len(runs) for runs in found.values()] == [RUNS_SHOWN] * MAX_METRICS
        assert alone == [f"run {number}" for number in range(RUNS_SHOWN + 1)]

    def test_leaves_out_what_few_of_the_newest_runs_have(self, bob: Client, experiment: Experiment) -> None:
        for number in range(3):
            add_run(experiment, f"run {number}", metrics={"train/loss": [1.0], **({} if number else {"acc": [1.0]})})

        assert list(boards(page_of(bob, experiment))) == ["train/loss"]

    def test_is_of_the_metrics_that_are_asked_for(self, bob: Client, experiment: Experiment) -> None:
        add_run(experiment, "low", metrics={"loss": [1.0], "width": [1.0]})
        add_run(experiment, "high", metrics={"loss": [2.0], "width": [2.0]})

        page = page_of(bob, experiment, metric=["width", "no`such"])

        assert boards(page) == {"width": ["high", "low"]}
        assert "Nobody said which values are better" in page
        assert "has logged the metric “no`such”" in page

    def test_says_the_next_step_where_there_is_none(self, bob: Client, experiment: Experiment) -> None:
        assert "mlflow.log_metric" in page_of(bob, experiment)
        add_run(experiment, "run", metrics={"width": [1.0]})
        assert "Choose one above" in page_of(bob, experiment)

    def test_lets_writers_say_which_way_is_better(self, client: Client, people: People, experiment: Experiment) -> None:
        add_run(experiment, "run", metrics={"loss": [1.0]})
        client.force_login(people.ann.user)

        page = page_of(client, experiment)

        assert f'action="/w/default/experiments/{experiment.pk}/direction"' in page
        assert f'name="next" value="{url_of(experiment)}"' in page

    def test_is_a_file_too(self, bob: Client, experiment: Experiment) -> None:
        uid = add_run(experiment, "one", metrics={"loss": [math.inf]}).uid

        (row,) = json.loads(bob.get(url_of(experiment), {"format": "json"}).getvalue())["best_runs"]

        assert row == {
            "metric": "loss", "better": "less", "place": 1, "run_id": uid, "run_name": "one", "status": "FINISHED",
            "value": "Infinity",
        }  # fmt: skip

    def test_costs_no_more_for_ten_more_runs(
        self, bob: Client, experiment: Experiment, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        metrics = {f"set{place}/loss": [1.0] for place in range(MAX_METRICS)}
        add_run(experiment, "first", metrics=metrics, params={"lr": "1"})
        Memory.forget_all()
        with django_assert_max_num_queries(50) as before:
            page_of(bob, experiment)
        for number in range(10):
            add_run(experiment, f"run {number}", metrics=metrics, params={"lr": str(number)})

        Memory.forget_all()
        with django_assert_max_num_queries(len(before)):
            assert len(boards(page_of(bob, experiment))["set1/loss"]) == RUNS_SHOWN

    def test_looks_at_no_more_than_the_newest_for_its_metrics(self, bob: Client, experiment: Experiment) -> None:
        add_run(experiment, "old", metrics={"acc": [1.0]}, hours_ago=99)
        for number in range(NEWEST):
            add_run(experiment, f"run {number}", metrics={"loss": [1.0]})

        assert list(boards(page_of(bob, experiment))) == ["loss"]


class TestAccess:
    @pytest.mark.parametrize("part", ["overview", "datasets", "models"])
    def test_a_stranger_sees_what_nobody_has(
        self, client: Client, people: People, experiment: Experiment, part: str
    ) -> None:
        client.force_login(people.cleo.user)
        assert client.get(f"/w/default/experiments/{experiment.pk}/{part}").status_code == 404

        client.force_login(people.bob.user)
        assert client.get(f"/w/default/experiments/{10**9}/{part}").status_code == 404
        People.around("speech")
        assert client.get(f"/w/speech/experiments/{experiment.pk}/{part}").status_code == 404
