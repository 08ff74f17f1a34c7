"""What this server says of itself."""

import pytest
from django.test import Client

from tests.support.people import People
from tests.tracking.api.caller import Caller


class TestServerInfo:
    def test_says_what_clients_may_use(self, ann: Caller) -> None:
        status, info = ann.request("GET", "3.0/mlflow/server-info")

        assert status == 200
        assert info["store_type"] == "SqlStore"
        assert info["workspaces_enabled"] is True
        used = {name for name, value in info.items() if value is True}
        assert used == {"workspaces_enabled"}  # no multipart, no presigned URLs, no archive of traces
        assert info["features_enabled"] == {"gateway": False}


class TestWorkspaces:
    def test_are_those_the_token_is_good_for(self, people: People, ann: Caller) -> None:
        People.around("lab")

        assert ann.request("GET", "3.0/mlflow/workspaces") == (200, {"workspaces": [{"name": "default"}]})

    def test_are_shown_one_by_one(self, people: People, ann: Caller) -> None:
        People.around("lab")

        assert ann.request("GET", "3.0/mlflow/workspaces/default") == (200, {"workspace": {"name": "default"}})
        for name in ("lab", "none", "..", "%00", "x" * 300):
            status, answer = ann.request("GET", f"3.0/mlflow/workspaces/{name}")
            assert status in (400, 404)
            assert "lab" not in str(answer) or name == "lab"

    def test_look_the_same_whether_foreign_or_missing(self, people: People, ann: Caller) -> None:
        People.around("lab")

        foreign = ann.request("GET", "3.0/mlflow/workspaces/lab")
        missing = ann.request("GET", "3.0/mlflow/workspaces/bal")

        assert foreign == (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Workspace 'lab' not found."})
        assert str(foreign).replace("lab", "bal") == str(missing)


class TestOpen:
    @pytest.mark.parametrize("place", ["", "w/default/", "w/none/"])
    def test_health_and_version_need_no_token(self, db: None, place: str) -> None:
        assert Client().get(f"/{place}health").content == b"OK"
        assert Client().get(f"/{place}version").content == b"3.17.2"
