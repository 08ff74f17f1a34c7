"""What this server says of itself."""

import pytest
from django.test import Client

from tests.support.people import People
from tests.tracking.api.caller import Caller
from tracking.cleanup.models import Deletion
from tracking.cleanup.services import advance
from tracking.core.clock import utc_now
from tracking.identity.services import issue_access_token
from tracking.workspaces.models import Lock, Workspace
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import Role

W3 = "3.0/mlflow/workspaces"


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


class TestChangingWorkspaces:
    """As ``mlflow.create_workspace`` and its sisters do, with an access token of an owner of the group."""

    @pytest.fixture
    def owner(self, people: People) -> Caller:
        assign_role(user=people.ann.user, role=Role.OWNER, group=people.workspace.group, by=None, now=utc_now())
        return Caller(issue_access_token(user=people.ann.user, name="test", now=utc_now()).text)

    def test_creates_describes_and_deletes(self, owner: Caller) -> None:
        made = owner.request("POST", f"{W3}", {"name": "lab", "description": "a"})
        changed = owner.request("PATCH", f"{W3}/lab", {"description": "b"})
        gone = owner.request("DELETE", f"{W3}/lab")

        assert made == (201, {"workspace": {"name": "lab", "description": "a"}})
        assert changed == (200, {"workspace": {"name": "lab", "description": "b"}})
        assert gone[0] == 204
        assert [one.name for one in Workspace.objects.all()] == ["default"]

    def test_refuses_to_delete_what_is_not_empty_locked_or_the_default(self, owner: Caller) -> None:
        owner.request("POST", W3, {"name": "lab"})
        lab = Caller(owner.token, "lab")
        lab.new_run()

        def refused(path: str) -> tuple[int, str]:
            status, answer = owner.request("DELETE", f"{W3}/{path}")
            return status, answer["error_code"]

        assert refused("lab") == (400, "INVALID_STATE")
        assert refused("lab?mode=CASCADE") == (409, "RESOURCE_CONFLICT")  # a run runs
        assert refused("lab?mode=SET_DEFAULT") == (501, "NOT_IMPLEMENTED")
        assert refused("lab?mode=x") == (400, "INVALID_PARAMETER_VALUE")
        assert refused("default") == (400, "INVALID_PARAMETER_VALUE")
        assert owner.request("POST", W3, {"name": "bal"})[0] == 201
        Lock.objects.create(
            name="keep", level="CanNotDelete", workspace=Workspace.objects.get(name="bal"), created_at=utc_now()
        )
        assert refused("bal") == (403, "PERMISSION_DENIED")
        assert Workspace.objects.count() == 3

    def test_deletes_with_all_that_is_in_it(self, owner: Caller) -> None:
        owner.request("POST", W3, {"name": "lab"})
        lab = Caller(owner.token, "lab")
        lab.post("runs/update", {"run_id": lab.new_run(), "status": "FINISHED"})

        assert owner.request("DELETE", f"{W3}/lab?mode=CASCADE")[0] == 204

        assert lab.refused("runs/create", {"experiment_id": "0"})[:2] == (409, "RESOURCE_CONFLICT")
        advance(deletion_id=Deletion.objects.get().pk, owner="test", clock=utc_now, slice_s=600)
        assert not Workspace.objects.filter(name="lab").exists()

    def test_takes_more_than_a_tracking_token(self, owner: Caller, ann: Caller) -> None:
        for method, path in (("POST", W3), ("PATCH", f"{W3}/default"), ("DELETE", f"{W3}/default")):
            assert ann.request(method, path, {"name": "lab"})[0] == 403

    def test_refuses_a_place_for_artifacts(self, owner: Caller) -> None:
        body = {"name": "lab", "default_artifact_root": "s3://elsewhere"}

        assert owner.request("POST", W3, body)[1]["error_code"] == "INVALID_PARAMETER_VALUE"


class TestOpen:
    @pytest.mark.parametrize("place", ["", "w/default/", "w/none/"])
    def test_health_and_version_need_no_token(self, db: None, place: str) -> None:
        assert Client().get(f"/{place}health").content == b"OK"
        assert Client().get(f"/{place}version").content == b"3.17.2"
