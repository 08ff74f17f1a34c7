"""The pages of models: the lists, a registered model, and what contributors change there."""

import json
import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tests.tracking.api.caller import Caller
from tracking.registry.models import ModelAlias, ModelVersion, RegisteredModel
from tracking.runs.models import Run
from tracking.runs.removal import purge_runs

LIST, PAGE = "/w/default/models", "/w/default/models/net 模型"
VERSION = f"{PAGE}/versions/1"


@pytest.fixture
def ann(client: Client, people: People) -> Client:
    client.force_login(people.ann.user)
    return client


@pytest.fixture
def run(people: People) -> str:
    """Return a run whose files two versions of a model are."""
    caller = Caller(people.ann.token)
    uid = caller.new_run(run_name="otter 3")
    tags = [{"key": "team", "value": "vision"}]
    caller.post("registered-models/create", {"name": "net 模型", "tags": tags, "description": "# Use\n\n**me**"})
    for _ in range(2):
        caller.post("model-versions/create", {"name": "net 模型", "source": f"runs:/{uid}/m", "run_id": uid})
    caller.post("registered-models/alias", {"name": "net 模型", "alias": "champion", "version": "1"})
    return uid


def read(client: Client, path: str) -> str:
    """Return a page; without line ends and spaces at both ends of lines."""
    response = client.get(path)
    assert response.status_code == 200
    return "".join(line.strip() for line in response.content.decode().splitlines())


class TestModelList:
    def test_shows_versions_aliases_and_tags(self, ann: Client, run: str) -> None:
        page = read(ann, LIST)

        for part in ("net 模型", "champion → 1", "team: vision", '<td class="number">2</td><td class="number">2</td>'):
            assert part in page

    def test_finds_by_a_part_of_the_name(self, ann: Client, run: str) -> None:
        assert "net 模型" in read(ann, f"{LIST}?q=NET")
        assert "No model matches" in read(ann, f"{LIST}?q=vgg")
        part = ann.get(f"{LIST}?q=net", headers={"HX-Request": "true", "HX-Target": "models"}).content.decode()
        assert part.lstrip().startswith('<div id="models">')

    def test_shows_what_runs_logged(self, ann: Client, people: People, run: str) -> None:
        body = {"experiment_id": "0", "name": "deep", "source_run_id": run, "model_type": "sklearn"}
        info = Caller(people.ann.token).post("logged-models", body)["model"]["info"]

        page = read(ann, f"{LIST}?show=logged")

        for part in ("deep", f"models:/{info['model_id']}", "sklearn", "Uploading", "otter 3"):
            assert part in page
        (row,) = json.loads(ann.get(f"{LIST}?show=logged&format=json").getvalue())["logged_models"]
        assert (row["model_id"], row["run_id"]) == (info["model_id"], run)

    def test_is_given_as_a_file(self, ann: Client, run: str) -> None:
        (row,) = json.loads(ann.get(f"{LIST}?format=json&q=net").getvalue())["models"]

        assert (row["name"], row["versions"], row["latest_version"], row["aliases"]) == (
            "net 模型", 2, 2, "champion=1",
        )  # fmt: skip

    def test_costs_the_same_however_many_there_are(
        self, ann: Client, people: People, run: str, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        caller = Caller(people.ann.token)
        for number in range(10):
            caller.post("registered-models/create", {"name": f"more {number}"})
            caller.post("model-versions/create", {"name": f"more {number}", "source": "s3://bucket/m"})

        with django_assert_max_num_queries(20):
            assert "more 9" in read(ann, LIST)


class TestModelDetail:
    def test_shows_versions_with_their_run(self, ann: Client, run: str) -> None:
        page = read(ann, PAGE)

        for part in (
            "<strong>me</strong>",
            f'href="/w/default/runs/{run}"',
            "otter 3",
            "vision",
            "models:/net 模型@champion",
        ):
            assert part in page

    def test_outlives_the_run(self, ann: Client, run: str) -> None:
        purge_runs(pks=[Run.objects.get(uid=run).pk])

        page = read(ann, PAGE)

        assert (f"runs:/{run}/m" in page, f'href="/w/default/runs/{run}"' in page) == (True, False)

    def test_is_described_and_given_aliases(self, ann: Client, run: str) -> None:
        said = ann.post(PAGE, {"action": "set_alias", "alias": "live", "version": "2"}, follow=True).content.decode()
        ann.post(PAGE, {"action": "delete_alias", "alias": "champion"})
        ann.post(PAGE, {"action": "describe", "description": "new\r\ntext"})

        assert "live is version 2 now." in said
        assert list(ModelAlias.objects.values_list("name", "version__version")) == [("live", 2)]
        assert RegisteredModel.objects.get().description == "new\ntext"

    def test_is_renamed_and_tagged(self, ann: Client, run: str) -> None:
        said = ann.post(PAGE, {"action": "rename", "name": "net 2"}, follow=True).content.decode()
        renamed = PAGE.replace("net 模型", "net 2")
        ann.post(renamed, {"action": "set_tag", "key": "task", "value": "otters"})
        ann.post(renamed, {"action": "delete_tag", "key": "team"})

        assert "It is called net 2 now." in said
        assert list(RegisteredModel.objects.values_list("name", "tags__key", "tags__value")) == [
            ("net 2", "task", "otters")
        ]

    def test_keeps_its_name_where_the_new_one_is_taken(self, ann: Client, people: People, run: str) -> None:
        Caller(people.ann.token).post("registered-models/create", {"name": "vgg"})

        assert "already exists" in ann.post(PAGE, {"action": "rename", "name": "vgg"}, follow=True).content.decode()

    def test_is_deleted_by_whoever_types_its_name(self, ann: Client, run: str) -> None:
        assert "toast-error" in ann.post(PAGE, {"action": "delete", "confirm": "net"}, follow=True).content.decode()
        assert RegisteredModel.objects.exists()

        ann.post(PAGE, {"action": "delete", "confirm": "net 模型"}, follow=True)

        assert not RegisteredModel.objects.exists()

    @pytest.mark.parametrize(("alias", "version"), [("v1", "1"), ("live", "9"), ("live", "x"), ("a b", "1")])
    def test_says_what_was_wrong(self, ann: Client, run: str, alias: str, version: str) -> None:
        page = ann.post(PAGE, {"action": "set_alias", "alias": alias, "version": version}, follow=True)

        assert "toast-error" in page.content.decode()
        assert ModelAlias.objects.get().name == "champion"

    def test_shows_readers_no_form(self, client: Client, people: People, run: str) -> None:
        client.force_login(people.bob.user)

        assert 'name="action"' not in read(client, PAGE)
        assert client.post(PAGE, {"action": "describe", "description": ""}).status_code == 403

    def test_is_not_there_for_strangers_nor_by_another_name(self, ann: Client, people: People, run: str) -> None:
        assert ann.get("/w/default/models/vgg").status_code == 404
        ann.force_login(people.cleo.user)
        assert ann.get(PAGE).status_code == 404


class TestVersionDetail:
    def test_shows_the_way_from_the_run_to_the_aliases(self, ann: Client, run: str) -> None:
        page = read(ann, VERSION)

        way = re.search(r"<div[^>]*data-lineage>(.*?)</div></li></ul></li></ul></li></ul></div>", page)
        assert way is not None
        assert re.findall(r'title="([^"]*)"', way[1]) == ["otter 3", "net 模型", "champion"]
        assert 'title="Default"' in page
        assert "models:/net 模型/1" in page

    def test_outlives_the_run(self, ann: Client, run: str) -> None:
        purge_runs(pks=[Run.objects.get(uid=run).pk])

        assert (f"runs:/{run}/m" in read(ann, VERSION), "otter 3" in read(ann, VERSION)) == (True, False)

    def test_is_described_and_tagged(self, ann: Client, run: str) -> None:
        ann.post(VERSION, {"action": "describe", "description": "*best*"})
        ann.post(VERSION, {"action": "set_tag", "key": "data", "value": "2026"})
        page = read(ann, VERSION)
        ann.post(VERSION, {"action": "delete_tag", "key": "data"})

        assert ("<em>best</em>" in page, "data: 2026" in page) == (True, True)
        assert "data: 2026" not in read(ann, VERSION)

    def test_is_deleted_with_its_aliases(self, ann: Client, run: str) -> None:
        page = ann.post(VERSION, {"action": "delete"}, follow=True)

        assert page.redirect_chain[-1][0].endswith("/models/net%20%E6%A8%A1%E5%9E%8B")
        assert list(ModelVersion.objects.values_list("version", flat=True)) == [2]
        assert not ModelAlias.objects.exists()
        assert ann.get(VERSION).status_code == 404

    def test_is_not_for_readers_to_change(self, client: Client, people: People, run: str) -> None:
        client.force_login(people.bob.user)

        assert 'name="action"' not in read(client, VERSION)
        assert client.post(VERSION, {"action": "delete"}).status_code == 403
        assert client.get(f"{PAGE}/versions/x").status_code in (400, 404)


class TestRun:
    def test_names_the_versions_made_of_it(self, ann: Client, run: str) -> None:
        page = read(ann, f"/w/default/runs/{run}")

        assert ("Version 2 of" in page, 'href="/w/default/models/net%20' in page) == (True, True)
