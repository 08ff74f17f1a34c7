"""The pages of datastores: the list, what owners do there, and what is in one."""

import json
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests.support.people import People
from tracking.artifacts.paths import ArtifactPath
from tracking.core.clock import utc_now
from tracking.datastores.models import Datastore
from tracking.datastores.queries import default_names
from tracking.datastores.services import put_file, register
from tracking.datastores.types import BUILT_IN, Kind

PAGE = "/w/default/datastores"


@pytest.fixture
def shared(tmp_path: Path, settings: Settings) -> Path:
    """Return where local datastores may be."""
    settings.DATASTORE_ROOTS = (tmp_path,)
    return tmp_path


@pytest.fixture
def owner(client: Client, people: People) -> Client:
    client.force_login(people.ann.user)
    return client


def form(path: Path, *, name: str = "data") -> dict[str, str]:
    return {"action": "register", "kind": "local", "local-name": name, "local-path": str(path)}


class TestDatastoreList:
    def test_registers_chooses_and_forgets(self, owner: Client, people: People, shared: Path) -> None:
        pages = [owner.post(PAGE, form(shared), follow=True).content.decode()]
        pages.append(owner.post(PAGE, {"action": "set_default", "name": "data"}, follow=True).content.decode())
        chosen = default_names(workspaces=[people.workspace.pk])
        pages.append(owner.post(PAGE, {"action": "unregister", "name": "data"}, follow=True).content.decode())

        assert "Datastore data was registered." in pages[0]
        assert (chosen, "data is the default datastore now." in pages[1]) == ({people.workspace.pk: "data"}, True)
        assert f"Its files are still at {shared}." in pages[2]
        assert not Datastore.objects.exists()

    def test_gives_back_what_was_refused_but_no_secret(self, owner: Client) -> None:
        given = {
            "bucket": "my-bucket",
            "endpoint": "https://10.0.0.8",
            "access_key_id": "K",
            "secret_access_key": "SECRET",
        }
        fields = {f"s3-{name}": value for name, value in {"name": "data", **given}.items()}

        page = owner.post(PAGE, {"action": "register", "kind": "s3", **fields}).content.decode()

        assert "PORTAL_DATASTORE_PRIVATE_ENDPOINTS" in page
        assert 'value="my-bucket"' in page
        assert "SECRET" not in page

    def test_shows_readers_the_list_and_no_form(self, client: Client, people: People, shared: Path) -> None:
        client.force_login(people.bob.user)

        page = client.get(PAGE).content.decode()

        assert BUILT_IN in page
        assert 'name="action"' not in page
        assert client.post(PAGE, form(shared)).status_code == 403

    def test_costs_the_same_however_many_there_are(
        self, owner: Client, people: People, shared: Path, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number in range(10):
            register(
                workspace=people.workspace,
                name=f"data-{number}",
                kind=Kind.LOCAL,
                config={"path": str(shared)},
                credentials={},
                by=people.ann.user,
                now=utc_now(),
            )
        owner.get(PAGE)

        with django_assert_max_num_queries(6):
            assert owner.get(PAGE).content.decode().count("data-9") >= 2


class TestDatastoreDetail:
    def test_leads_from_folder_to_file(self, owner: Client, people: People, shared: Path) -> None:
        owner.post(PAGE, form(shared))
        put_file(
            workspace=people.workspace,
            name="data",
            path=ArtifactPath.parse("set 1/a&b.csv"),
            chunks=[b"x,y"],
            size_bytes=3,
        )

        top = owner.get(f"{PAGE}/data").content.decode()
        below = owner.get(f"{PAGE}/data?path=set+1").content.decode()
        file = owner.get("/api/v1/workspaces/default/datastores/data/files/set%201/a%26b.csv")
        listed = json.loads(owner.get(f"{PAGE}/data", {"format": "json"}).getvalue())

        assert f'href="{PAGE}/data?path=set+1"' in top
        assert 'href="/api/v1/workspaces/default/datastores/data/files/set%201/a%26b.csv"' in below
        assert [(one["name"], one["is_dir"]) for one in listed["files"]] == [("set 1", True)]
        assert b"".join(file.streaming_content) == b"x,y"  # type: ignore[attr-defined]

    def test_says_how_to_fill_an_empty_one_and_what_keeps_one_closed(self, owner: Client, shared: Path) -> None:
        owner.post(PAGE, form(shared))
        empty = owner.get(f"{PAGE}/data").content.decode()
        Datastore.objects.update(sealed="of another key")

        closed = owner.get(f"{PAGE}/data").content.decode()

        assert "mlportal datastore upload -w default -n data" in empty
        assert "PORTAL_SECRET_KEY" in closed
        assert owner.get(f"{PAGE}/data?path=../..").status_code == 400
        assert owner.get(f"{PAGE}/none").status_code == 404
