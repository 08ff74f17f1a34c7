"""A token that is bound to one run writes to that run alone."""

import re

import pytest

from tests.support.people import People
from tests.tracking.api.caller import Caller
from tracking.api.urls import ROUTES
from tracking.core.clock import utc_now
from tracking.identity.services import issue_tracking_token
from tracking.workspaces.types import Permission

WRITING = [(route.method, re.sub(r"<\w+:\w+>", "x", route.path)) for route in ROUTES if route.need > Permission.READ]
POINT = {"key": "k", "value": 1, "timestamp": 1}


@pytest.fixture
def mine(ann: Caller) -> str:
    return ann.new_run()


@pytest.fixture
def bound(people: People, mine: str) -> Caller:
    token = issue_tracking_token(
        user=people.ann.user, workspace_id=people.workspace.pk, name="job", run_uid=mine, now=utc_now()
    )
    return Caller(token.text)


class TestBoundToken:
    def test_writes_to_its_run(self, bound: Caller, mine: str, store_root: object) -> None:
        bound.post("runs/log-metric", {"run_id": mine, **POINT})
        bound.post("runs/log-batch", {"run_id": mine, "metrics": [POINT]})
        bound.post("runs/set-tag", {"run_uuid": mine, "key": "k", "value": "v"})
        bound.post("runs/update", {"run_id": mine, "status": "FINISHED"})
        folder = bound.get(f"runs/get?run_id={mine}")["run"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")

        assert bound.put_file(f"{folder.strip('/')}/a.txt", b"x")[0] == 200

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("runs/log-metric", POINT),
            ("runs/log-batch", {"metrics": [POINT]}),
            ("runs/set-tag", {"key": "k", "value": "v"}),
            ("runs/delete", {}),
            ("runs/log-inputs", {"datasets": []}),
        ],
    )
    def test_writes_to_no_sibling(self, ann: Caller, bound: Caller, path: str, body: dict[str, object]) -> None:
        sibling = ann.new_run()

        assert bound.refused(path, {"run_id": sibling, **body})[:2] == (403, "PERMISSION_DENIED")

    def test_writes_no_file_of_a_sibling(self, ann: Caller, bound: Caller, mine: str, store_root: object) -> None:
        folder = ann.new_folder()

        for path in (f"{folder}/a.txt", f"{folder}/{mine}/a.txt", f"0/{mine}", f"x/../0/{mine}/artifacts/a"):
            assert bound.put_file(path, b"x")[0] in (400, 403)

    @pytest.mark.parametrize(("method", "path"), WRITING)
    def test_changes_nothing_that_names_no_run(self, bound: Caller, method: str, path: str) -> None:
        assert bound.request(method, path, {"name": "x"})[0] in (400, 403)

    def test_reads_its_workspace(self, bound: Caller) -> None:
        assert bound.get("experiments/get?experiment_id=0")["experiment"]["name"] == "Default"
