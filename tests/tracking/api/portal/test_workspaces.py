"""Workspaces by the REST API: made, changed, renamed, moved, and held to their quotas."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests.support.people import People
from tests.tracking.api.caller import Caller
from tests.tracking.api.portal.asker import Asker
from tracking.core.clock import utc_now
from tracking.workspaces.models import RoleAssignment
from tracking.workspaces.services import assign_role, create_group
from tracking.workspaces.types import Role


@pytest.fixture
def owner(people: People) -> Asker:
    """Ann owns the group of her workspace, and another, empty one."""
    group = create_group(name="lab", by=None, now=utc_now())
    for one in (people.workspace.group, group):
        assign_role(user=people.ann.user, role=Role.OWNER, group=one, by=None, now=utc_now())
    return Asker.of(people.ann.user)


class TestCreate:
    def test_answers_201_with_a_workspace_that_is_ready_to_log_to(self, owner: Asker, settings: Settings) -> None:
        status, made = owner.ask("POST", "workspaces", {"name": "vision", "group": "lab", "tags": {"a": "b"}})

        assert status == 201
        assert made == owner.done("GET", "workspaces/vision")
        assert (made["group"], made["tags"], made["my_role"]) == ("lab", {"a": "b"}, "owner")
        assert made["usage"] == {"runs": 0, "experiments": 1, "artifact_bytes": 0}
        assert made["quota"] == {"bytes": None, "runs": None, "warnings": []}
        assert made["tracking_uri"] == f"{settings.PORTAL_URL}/w/vision"
        assert Caller(owner.token, "vision").new_run()

    def test_is_for_owners_of_the_group(self, people: People, owner: Asker, bob: Asker) -> None:
        assign_role(user=people.bob.user, role=Role.CONTRIBUTOR, group=people.workspace.group, by=None, now=utc_now())

        assert bob.refused("POST", "workspaces", {"name": "vision", "group": "default"})[0] == 403
        assert bob.refused("POST", "workspaces", {"name": "vision", "group": "lab"})[0] == 404
        tracking = Asker(people.ann.token)
        assert tracking.refused("POST", "workspaces", {"name": "vision", "group": "lab"})[0] == 404

    def test_ends_at_the_limit_of_the_server(self, owner: Asker, settings: Settings) -> None:
        settings.MAX_WORKSPACES = 1

        refused = owner.refused("POST", "workspaces", {"name": "vision", "group": "lab"})

        assert refused[:2] == (403, "QUOTA_EXCEEDED")


class TestShow:
    def test_answers_404_to_who_lost_their_role_a_moment_ago(self, people: People, bob: Asker) -> None:
        bob.done("GET", "workspaces/default")
        RoleAssignment.objects.filter(user=people.bob.user).delete()  # as another process does

        assert bob.refused("GET", "workspaces/default")[:2] == (404, "RESOURCE_DOES_NOT_EXIST")


class TestRename:
    def test_keeps_the_former_address_alive(self, people: People, owner: Asker) -> None:
        run = Caller(people.ann.token).new_run()

        owner.done("PATCH", "workspaces/default", {"name": "vision"})

        for name in ("default", "vision"):
            assert Caller(people.ann.token, name).get(f"runs/get?run_id={run}")["run"]["info"]["run_id"] == run
            assert owner.done("GET", f"workspaces/{name}")["name"] == "vision"

    def test_leads_pages_to_the_new_address(self, client: Client, people: People, owner: Asker) -> None:
        owner.done("PATCH", "workspaces/default", {"name": "vision"})
        client.force_login(people.bob.user)

        assert client.get("/w/default/experiments?q=a")["Location"] == "/w/vision/experiments?q=a"

    def test_keeps_the_former_name_from_others_but_not_from_itself(self, owner: Asker) -> None:
        owner.done("PATCH", "workspaces/default", {"name": "vision"})

        refused = owner.refused("POST", "workspaces", {"name": "default", "group": "lab"})

        assert refused[:2] == (400, "RESOURCE_ALREADY_EXISTS")
        assert "former name of workspace 'vision'" in refused[2]
        assert owner.done("PATCH", "workspaces/vision", {"name": "default"})["name"] == "default"

    def test_releases_a_former_name_for_others(self, people: People, owner: Asker) -> None:
        renamed = owner.done("PATCH", "workspaces/default", {"name": "vision"})

        assert renamed["former_names"] == ["default"]
        assert owner.ask("DELETE", "workspaces/vision/former-names/default") == (204, None)
        assert owner.refused("DELETE", "workspaces/vision/former-names/default")[0] == 404
        assert owner.ask("GET", "workspaces/default")[0] == 404
        assert owner.ask("POST", "workspaces", {"name": "default", "group": "lab"})[0] == 201

    def test_refuses_a_taken_name(self, owner: Asker) -> None:
        owner.done("POST", "workspaces", {"name": "vision", "group": "lab"})

        assert owner.refused("PATCH", "workspaces/vision", {"name": "default"})[:2] == (400, "RESOURCE_ALREADY_EXISTS")
        assert owner.done("GET", "workspaces/vision")["name"] == "vision"


class TestMove:
    def test_changes_what_is_inherited(self, people: People, owner: Asker, cleo: Asker) -> None:
        assign_role(user=people.cleo.user, role=Role.READER, group=people.workspace.group, by=None, now=utc_now())
        assert cleo.done("GET", "workspaces/default")["my_role"] == "reader"

        assert owner.done("PATCH", "workspaces/default", {"group": "lab"})["group"] == "lab"

        assert cleo.ask("GET", "workspaces/default")[0] == 404

    def test_takes_an_owner_of_both_groups(self, people: People, owner: Asker, bob: Asker) -> None:
        assign_role(user=people.bob.user, role=Role.OWNER, group=people.workspace.group, by=None, now=utc_now())

        assert bob.refused("PATCH", "workspaces/default", {"group": "lab"})[0] == 404
        assert owner.done("GET", "workspaces/default")["group"] == "default"

    @pytest.mark.parametrize("place", ["groups/default", "workspaces/default"])
    def test_does_not_slip_out_of_a_lock(self, owner: Asker, place: str) -> None:
        owner.done("POST", f"{place}/locks", {"name": "keep", "level": "CanNotDelete"})

        status, _, message = owner.refused("PATCH", "workspaces/default", {"group": "lab", "name": "vision"})

        assert (status, "CanNotDelete lock 'keep'" in message) == (403, True)
        assert owner.done("GET", "workspaces/default")["name"] == "default"


class TestQuota:
    def test_is_set_by_owners_of_the_group(self, people: People, owner: Asker, bob: Asker) -> None:
        assign_role(user=people.bob.user, role=Role.OWNER, workspace=people.workspace, by=None, now=utc_now())

        assert bob.refused("PATCH", "workspaces/default", {"quota_runs": 9})[0] == 404
        assert bob.done("PATCH", "workspaces/default", {"description": "mine"})["description"] == "mine"
        assert owner.done("PATCH", "workspaces/default", {"quota_runs": 9})["quota"]["runs"] == 9
        assert owner.done("PATCH", "workspaces/default", {"quota_runs": 0})["quota"]["runs"] is None
        assert owner.refused("PATCH", "workspaces/default", {"quota_runs": -1})[0] == 400

    def test_of_runs_warns_and_then_refuses(self, people: People, owner: Asker) -> None:
        owner.done("PATCH", "workspaces/default", {"quota_runs": 5})
        ann = Caller(people.ann.token)
        warned = []
        for _ in range(5):
            ann.new_run()
            warned.append(owner.done("GET", "workspaces/default")["quota"]["warnings"])

        refused = ann.refused("runs/create", {"experiment_id": "0"})

        assert warned[2] == []
        assert warned[3:] == [["4 of 5 runs are used."], ["5 of 5 runs are used: no more are taken."]]
        assert refused[:2] == (403, "QUOTA_EXCEEDED")
        assert "Workspace 'default' may hold 5 runs" in refused[2]

    def test_of_the_server_holds_below_a_higher_own_one(self, people: People, owner: Asker, settings: Settings) -> None:
        settings.WORKSPACE_MAX_RUNS = 1
        owner.done("PATCH", "workspaces/default", {"quota_runs": 9})
        Caller(people.ann.token).new_run()

        assert Caller(people.ann.token).refused("runs/create", {"experiment_id": "0"})[1] == "QUOTA_EXCEEDED"
        assert owner.done("GET", "workspaces/default")["quota"]["runs"] == 1

    @pytest.mark.usefixtures("store_root")
    def test_of_bytes_refuses_the_file_that_does_not_fit(self, people: People, owner: Asker) -> None:
        ann = Caller(people.ann.token)
        folder = ann.new_folder()
        owner.done("PATCH", "workspaces/default", {"quota_bytes": 10})
        assert ann.put_file(f"{folder}/a", b"12345678")[0] == 200

        status, answer = ann.put_file(f"{folder}/b", b"123")

        assert (status, answer["error_code"]) == (403, "QUOTA_EXCEEDED")
        assert ann.put_file(f"{folder}/a", b"1234567890")[0] == 200  # in the place of eight others
        assert owner.done("GET", "workspaces/default")["usage"]["artifact_bytes"] == 10
        assert ann.request("DELETE", f"2.0/mlflow-artifacts/artifacts/{folder}/a")[0] == 200
        assert owner.done("GET", "workspaces/default")["usage"]["artifact_bytes"] == 0
        assert [file["path"] for file in ann.list_files(folder)] == []


class TestList:
    def test_has_those_that_one_may_read(self, people: People, owner: Asker, bob: Asker) -> None:
        owner.done("POST", "workspaces", {"name": "vision", "group": "lab"})

        def names(asker: Asker, query: str = "") -> list[str]:
            return [one["name"] for one in asker.done("GET", f"workspaces{query}")["workspaces"]]

        assert names(owner) == ["default", "vision"]
        assert names(owner, "?group=lab") == ["vision"]
        assert names(bob) == ["default"]
        assert names(bob, "?group=lab") == []
        assert names(Asker(people.ann.token)) == ["default"]

    def test_costs_the_same_however_many_there_are(
        self, owner: Asker, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number in range(10):
            owner.done("POST", "workspaces", {"name": f"vision-{number}", "group": "lab"})
        owner.done("GET", "workspaces")

        with django_assert_max_num_queries(8):  # one of them only where a second has passed since the token was checked
            assert len(owner.done("GET", "workspaces")["workspaces"]) == 11
