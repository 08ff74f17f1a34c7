"""The files of a datastore by the REST API: the same on a folder, on S3 and on Azure."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client
from pytest_django import Settings

from tests.support.people import People
from tests.tracking.api.portal.asker import Asker
from tracking.audit.models import AuditEvent
from tracking.core.clock import utc_now
from tracking.core.memory import Memory
from tracking.identity.services import issue_tracking_token
from tracking.workspaces.queries import count_artifact_bytes
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import Role

CONTENT = b"caption,label\na,1\n"


@pytest.fixture
def client(ann: Asker) -> Client:
    """Return a client that sends Ann's token."""
    return Client(headers={"Authorization": f"Bearer {ann.token}"})


def put(client: Client, address: str, content: bytes = CONTENT) -> None:
    response = client.generic("PUT", address, content, content_type="application/octet-stream")
    assert response.status_code == 200, response.content


def body(response: object) -> bytes:
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


class TestFiles:
    def test_come_back_as_they_were_stored(self, client: Client, datastore: str) -> None:
        address = f"/api/v1/{datastore}/files/train/labels 1.csv"

        put(client, address)

        whole, part = client.get(address), client.get(address, headers={"Range": "bytes=8-12"})
        assert body(whole) == CONTENT
        assert (part.status_code, body(part)) == (206, b"label")
        assert client.get(address, headers={"Range": "bytes=90-"}).status_code == 416
        assert whole["Content-Disposition"] == "attachment; filename*=UTF-8''labels%201.csv"
        assert (whole["Content-Security-Policy"], whole["X-Content-Type-Options"]) == (
            "sandbox; default-src 'none'",
            "nosniff",
        )

    def test_are_listed_a_folder_and_a_page_at_a_time(self, ann: Asker, client: Client, datastore: str) -> None:
        for name in ("a.txt", "b/c.txt", "b/d/e.txt", "f.txt"):
            put(client, f"/api/v1/{datastore}/files/{name}")

        first = ann.done("GET", f"{datastore}/files?max_results=2")
        second = ann.done("GET", f"{datastore}/files?max_results=2&page_token={first['next_page_token']}")
        below = ann.done("GET", f"{datastore}/files?path=b")

        assert [(one["name"], one["is_dir"], one["size_bytes"]) for one in first["files"] + second["files"]] == [
            ("a.txt", False, len(CONTENT)),
            ("b", True, None),
            ("f.txt", False, len(CONTENT)),
        ]
        assert (second["next_page_token"], first["files"][0]["modified_at"] is not None) == (None, True)
        assert [one["name"] for one in below["files"]] == ["c.txt", "d"]
        assert ann.done("GET", f"{datastore}/files?path=nothing") == {"files": [], "next_page_token": None}

    def test_are_deleted_one_by_one_or_by_folder_and_it_is_noted(
        self, ann: Asker, client: Client, datastore: str
    ) -> None:
        for name in ("a.txt", "b/c.txt", "b/d/e.txt"):
            put(client, f"/api/v1/{datastore}/files/{name}")

        freed = [ann.done("DELETE", f"{datastore}/files/{name}")["bytes_freed"] for name in ("a.txt", "b", "b")]

        assert freed == [len(CONTENT), 2 * len(CONTENT), 0]
        assert ann.done("GET", f"{datastore}/files")["files"] == []
        assert AuditEvent.objects.filter(verb="datastore.delete_files").count() == 3

    def test_have_no_names_that_lead_elsewhere(self, ann: Asker, client: Client, datastore: str) -> None:
        paths = ["../secret_key", "a/../../x", "a%2F..%2Fb", "/etc/passwd", "con", "a//b"]
        addresses = [f"/api/v1/{datastore}/files/{path}" for path in paths]

        answers = [ask(one) for one in addresses for ask in (client.get, client.put, client.delete)]

        assert {answer.status_code for answer in answers} <= {400, 404}
        assert ann.done("GET", f"{datastore}/files")["files"] == []

    def test_are_written_by_contributors_and_read_by_readers(
        self, people: People, bob: Asker, client: Client, datastore: str
    ) -> None:
        address = f"{datastore}/files/a.txt"

        refused = bob.refused("PUT", address, b"x")
        signed = bob.refused("GET", f"{datastore}/sign/a.txt?verb=put")
        put(client, f"/api/v1/{address}")
        assert (refused[0], signed[0], bob.ask("DELETE", address)[0]) == (403, 403, 403)
        assert [one["name"] for one in bob.done("GET", f"{datastore}/files")["files"]] == ["a.txt"]
        assert bob.done("GET", f"{datastore}/sign/a.txt")["method"] == "GET"

        assign_role(user=people.bob.user, role=Role.CONTRIBUTOR, workspace=people.workspace, by=None, now=utc_now())
        Memory.forget_all()
        assert bob.done("PUT", address, b"other")["size_bytes"] == 5

    def test_are_read_and_not_written_with_a_token_of_one_run(self, people: People, client: Client) -> None:
        datastore, now = "workspaces/default/datastores/workspaceartifactstore", utc_now()
        put(client, f"/api/v1/{datastore}/files/a.txt")
        token = issue_tracking_token(
            user=people.ann.user, workspace_id=people.workspace.pk, name="job", run_uid="a" * 32, now=now
        )
        job = Asker(token.text)

        asked = [("PUT", "files/a.txt"), ("DELETE", "files/a.txt"), ("GET", "sign/a.txt?verb=put")]
        assert [job.refused(method, f"{datastore}/{path}")[0] for method, path in asked] == [403, 403, 403]
        assert [one["name"] for one in job.done("GET", f"{datastore}/files")["files"]] == ["a.txt"]

    def test_move_past_the_server_where_the_store_can(self, ann: Asker, client: Client, datastore: str) -> None:
        up = ann.done("GET", f"{datastore}/sign/set/a.bin?verb=put&life_s=60")
        if up["goes_through_server"]:
            put(client, urlsplit(up["url"]).path)
        else:
            httpx.put(up["url"], content=CONTENT, headers=up["headers"]).raise_for_status()

        down = ann.done("GET", f"{datastore}/sign/set/a.bin?verb=get&life_s=60")
        if down["goes_through_server"]:
            assert body(client.get(urlsplit(down["url"]).path)) == CONTENT
        else:
            assert httpx.get(down["url"]).content == CONTENT
        assert ann.done("GET", f"{datastore}/files?path=set")["files"][0]["size_bytes"] == len(CONTENT)
        assert up["goes_through_server"] == ("artifactstore" in datastore or "/shared/" in _location(ann, datastore))

    def test_are_not_signed_for_longer_or_for_more(self, ann: Asker, datastore: str) -> None:
        for query in ("verb=delete", "life_s=0", "life_s=3601", "life_s=x"):
            assert ann.refused("GET", f"{datastore}/sign/a.txt?{query}")[0] == 400


class TestBuiltIn:
    def test_counts_for_the_quota_of_the_workspace(self, people: People, client: Client, settings: Settings) -> None:
        settings.WORKSPACE_MAX_BYTES = 2 * len(CONTENT)
        address = "/api/v1/workspaces/default/datastores/workspaceartifactstore/files"
        put(client, f"{address}/a.txt")

        refused = client.put(f"{address}/b.txt", CONTENT * 2)

        assert (refused.status_code, json.loads(refused.content)["error_code"]) == (403, "QUOTA_EXCEEDED")
        assert count_artifact_bytes(workspace=people.workspace) == len(CONTENT)

    def test_lies_in_a_folder_of_the_workspace(self, people: People, client: Client, tmp_path: Path) -> None:
        put(client, "/api/v1/workspaces/default/datastores/workspaceartifactstore/files/a/b.txt")

        found = tmp_path / "store" / f"workspace-{people.workspace.pk}" / "datastore" / "a" / "b.txt"
        assert found.read_bytes() == CONTENT


def _location(ann: Asker, datastore: str) -> str:
    return str(ann.done("GET", datastore)["location"])
