"""The datasets of an experiment."""

import json
import re
from html import unescape
from urllib.parse import unquote

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run
from tracking.core.clock import utc_now
from tracking.core.memory import Memory
from tracking.runs.models import Experiment, Run
from tracking.runs.services import delete_run, log_datasets
from tracking.runs.types import CONTEXT_TAG, DatasetLogged, Pair, RunStatus
from tracking.web.experiment_datasets import DATASETS_PER_PAGE

COLUMNS = json.dumps({"mlflow_colspec": [{"name": f"c{number}", "type": "long"} for number in range(5)]})
HOSTILE = ('"><img src=x>', "'-(1)-'`${2}`", 'it\'s "both"', "{{ 7 }} %25 & + #", "\u202egpj.exe", "a\nb \\ 'c")


@pytest.fixture
def experiment(people: People) -> Experiment:
    return add_experiment(people.workspace, "digits")


@pytest.fixture
def bob(client: Client, people: People) -> Client:
    client.force_login(people.bob.user)
    return client


def read(run: Run, *names: str, digest: str = "abc", context: str = "training", schema: str = COLUMNS) -> None:
    tags = (Pair(CONTEXT_TAG, context),)
    profile = '{"num_rows": 1000}'
    given = [DatasetLogged(name, digest, "s3", '{"uri": "s3://b/k"}', schema, profile, tags) for name in names]
    log_datasets(run=run, datasets=given)


def running(experiment: Experiment, name: str = "run") -> Run:
    return add_run(experiment, name, status=RunStatus.RUNNING)


def page_of(client: Client, experiment: Experiment, **query: str) -> str:
    response = client.get(f"/w/default/experiments/{experiment.pk}/datasets", query)
    assert response.status_code == 200
    return unescape(response.content.decode())


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><span class="long-name" title="([^"]*)"', page)


class TestDatasets:
    def test_show_what_is_known_of_them_in_short(self, bob: Client, experiment: Experiment) -> None:
        read(running(experiment), "digits", context="training")
        read(running(experiment), "digits", context="evaluation")

        page = page_of(bob, experiment)

        for part in ("abc", "training", "evaluation", "s3://b/k", "5 columns: c0, c1, c2, …", "num_rows: 1000"):
            assert part in page

    def test_lead_to_the_runs_that_read_them(self, bob: Client, people: People, experiment: Experiment) -> None:
        for name in ("one", "two"):
            read(running(experiment, name), "it's")
        gone = running(experiment, "gone")
        read(gone, "it's")
        read(running(experiment, "other"), "other")
        delete_run(run=gone, by=people.ann.user, now=utc_now())

        link, count = re.findall(r'<a href="([^"]*filter=[^"]*)"[^>]*>(\d+)</a>', page_of(bob, experiment))[0]

        assert (unquote(link).endswith("""filter=datasets.name = "it's" AND datasets.digest = 'abc'"""), count) == (
            True, "2",
        )  # fmt: skip
        table = bob.get(link).content.decode()
        assert sorted(re.findall(r'href="/w/default/runs/\w+" title="(\w+)"', table)) == ["one", "two"]

    def test_lead_there_whatever_their_names(self, bob: Client, experiment: Experiment) -> None:
        for place, name in enumerate(HOSTILE):
            read(running(experiment, f"run {place}"), name, digest=f"d{place}")

        links = re.findall(r'<a href="([^"]*filter=[^"]*)"', page_of(bob, experiment))

        tables = [bob.get(link).content.decode() for link in links]
        found = [re.findall(r'href="/w/default/runs/\w+" title="(run \d)"', table) for table in tables]
        assert sorted(found) == [[f"run {place}"] for place in range(len(HOSTILE))]

    @pytest.mark.parametrize("schema", ["", "x", "[" * 100_000, '{"mlflow_colspec": {}}', '{"mlflow_colspec": [1]}'])
    def test_take_any_schema(self, bob: Client, experiment: Experiment, schema: str) -> None:
        read(running(experiment), "digits", schema=schema)

        assert names(page_of(bob, experiment)) == ["digits"]

    def test_stand_by_name_page_by_page(self, bob: Client, experiment: Experiment) -> None:
        wanted = [f"set {number:03}" for number in range(DATASETS_PER_PAGE + 1)]
        read(running(experiment), *reversed(wanted))

        first = page_of(bob, experiment)
        token = re.findall(r'rel="next" href="\?page=([^"]*)"|href="\?page=([^"]*)"', first)[0]
        second = page_of(bob, experiment, page=unquote("".join(token)))

        assert names(first) + names(second) == wanted
        assert bob.get(f"/w/default/experiments/{experiment.pk}/datasets?page=x").status_code == 400

    def test_are_found_by_a_part_of_the_name(self, bob: Client, experiment: Experiment) -> None:
        read(running(experiment), "Flowers", "birds")

        assert names(page_of(bob, experiment, q="flow")) == ["Flowers"]
        assert "No dataset matches" in page_of(bob, experiment, q="trees")
        part = bob.get(
            f"/w/default/experiments/{experiment.pk}/datasets",
            headers={"HX-Request": "true", "HX-Target": "datasets"},
        )
        assert part.content.decode().lstrip().startswith('<div id="datasets">')

    def test_say_how_one_gets_there(self, bob: Client, experiment: Experiment) -> None:
        assert "mlflow.log_input" in page_of(bob, experiment)

    def test_are_a_file_too(self, bob: Client, experiment: Experiment) -> None:
        read(running(experiment), "digits", "birds")

        answer = bob.get(f"/w/default/experiments/{experiment.pk}/datasets", {"format": "json", "q": "dig"})
        (row,) = json.loads(answer.getvalue())["datasets"]

        assert (row["name"], row["runs"], row["contexts"], row["schema"]) == ("digits", 1, "training", COLUMNS)

    def test_cost_the_same_however_many_there_are(
        self, bob: Client, experiment: Experiment, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        read(running(experiment), "first")
        Memory.forget_all()
        with django_assert_max_num_queries(15) as before:
            page_of(bob, experiment)
        for number in range(10):
            read(running(experiment), f"set {number}", "first")

        Memory.forget_all()
        with django_assert_max_num_queries(len(before)):
            assert len(names(page_of(bob, experiment))) == 11
