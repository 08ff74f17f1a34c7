"""Lists as files: the rows of a page as CSV and JSON, for those who may see the page."""

import csv
import io
import json

import pytest
from django.test import Client

from tests.support.people import People
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import run_folder
from tracking.artifacts.services import put_file
from tracking.cleanup.services import hunt_orphans
from tracking.cleanup.types import Mode
from tracking.core.clock import utc_now
from tracking.runs.queries import get_experiment
from tracking.runs.services import create_run, delete_run
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import Role

LISTS = (
    "/",
    "/groups",
    "/groups/default",
    "/account/tokens",
    "/people",
    "/w/default/datastores",
    "/w/default/settings",
    "/w/default/trash",
    "/work",
    "/w/default/runs/{run}",
)


def read(client: Client, path: str, form: str) -> str:
    return client.get(path, {"format": form}).getvalue().decode("utf-8-sig")


class TestListFile:
    @pytest.mark.parametrize("path", LISTS)
    def test_says_the_same_as_csv_and_as_json(self, client: Client, people: People, path: str) -> None:
        run = create_run(
            experiment=get_experiment(workspace=people.workspace, experiment_id="0"),
            name="=cmd|'x'", user_name="ann", started_at=utc_now(), tags=[],
        )  # fmt: skip
        where = run_folder(run).join(ArtifactPath.parse("notes.txt"))
        put_file(workspace=people.workspace, path=where, chunks=[b"x"], size_bytes=1)
        delete_run(run=run, by=people.ann.user, now=utc_now())
        hunt_orphans(mode=Mode.LOOK, by=people.ann.user, now=utc_now())
        assign_role(user=people.ann.user, role=Role.OWNER, by=None, now=utc_now())
        client.force_login(people.ann.user)
        path = path.format(run=run.uid)

        rows = list(csv.DictReader(io.StringIO(read(client, path, "csv"))))
        objects = json.loads(read(client, path, "json"))

        (found,) = objects.values()
        assert len(rows) == len(found) > 0
        for row, one in zip(rows, found, strict=True):
            assert {key: text.removeprefix("'") for key, text in row.items() if text} == {
                key: str(value) for key, value in one.items() if value != ""
            }

    def test_is_for_those_who_may_see_the_page(self, client: Client, people: People) -> None:
        client.force_login(people.cleo.user)

        assert client.get("/people", {"format": "csv"}).status_code == 403
        assert client.get(f"/w/{people.workspace.name}/trash", {"format": "csv"}).status_code == 404
        assert json.loads(read(client, "/groups", "json")) == {"groups": []}

    def test_refuses_other_forms(self, client: Client, people: People) -> None:
        client.force_login(people.ann.user)

        assert client.get("/groups", {"format": "xml"}).status_code == 400
