"""Locks by the REST API, and what a ReadOnly one refuses."""

import pytest

from tests.support.people import People
from tests.tracking.api.caller import Caller
from tests.tracking.api.portal.asker import Asker
from tracking.api.urls import ROUTES
from tracking.core.clock import utc_now
from tracking.core.memory import Memory
from tracking.runs.models import Run
from tracking.workspaces.models import Lock
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import Permission, Role

PLACES = ["groups/default", "workspaces/default"]
AUDIT = {"name": "audit", "level": "ReadOnly", "note": "until the audit is over"}


@pytest.fixture
def owner(people: People) -> Asker:
    """Ann owns the group of her workspace, too."""
    assign_role(user=people.ann.user, role=Role.OWNER, group=people.workspace.group, by=None, now=utc_now())
    return Asker.of(people.ann.user)


class TestLock:
    @pytest.mark.parametrize("place", PLACES)
    def test_is_made_shown_and_removed(self, owner: Asker, place: str) -> None:
        status, made = owner.ask("POST", f"{place}/locks", AUDIT)

        assert (status, made["created_by"]) == (201, "ann")
        assert owner.done("GET", f"{place}/locks")["locks"] == [made]
        assert owner.refused("POST", f"{place}/locks", AUDIT)[:2] == (400, "RESOURCE_ALREADY_EXISTS")
        assert owner.ask("DELETE", f"{place}/locks/audit") == (204, None)
        assert owner.done("GET", f"{place}/locks")["locks"] == []
        assert owner.refused("DELETE", f"{place}/locks/audit")[0] == 404

    def test_on_a_group_is_inherited_and_removed_there(self, owner: Asker) -> None:
        made = owner.done("POST", "groups/default/locks", AUDIT)

        assert owner.done("GET", "workspaces/default")["locks"] == [made]
        assert owner.refused("DELETE", "workspaces/default/locks/audit")[0] == 404
        assert Lock.objects.count() == 1

    @pytest.mark.parametrize("change", [{"level": "readonly"}, {"name": "A B"}, {"note": "x" * 501}])
    def test_refuses_what_breaks_a_rule(self, owner: Asker, change: dict[str, str]) -> None:
        assert owner.refused("POST", "groups/default/locks", {**AUDIT, **change})[0] == 400


class TestReadOnly:
    @pytest.mark.parametrize("place", PLACES)
    def test_refuses_logging_with_its_name(self, people: People, owner: Asker, place: str) -> None:
        ann = Caller(people.ann.token)
        run = ann.new_run()
        owner.done("POST", f"{place}/locks", AUDIT)

        refused = ann.refused("runs/log-metric", {"run_id": run, "key": "k", "value": 1, "timestamp": 1})

        assert refused[:2] == (403, "PERMISSION_DENIED")
        assert "The ReadOnly lock 'audit' on " in refused[2]
        assert "(until the audit is over)" in refused[2]
        assert ann.refused("runs/create", {"experiment_id": "0"})[0] == 403
        assert Run.objects.count() == 1
        assert ann.get(f"runs/get?run_id={run}")["run"]["info"]["status"] == "RUNNING"

    def test_refuses_every_route_that_writes(self, people: People, owner: Asker) -> None:
        owner.done("POST", "groups/default/locks", AUDIT)

        for route in ROUTES:
            status, answer = Caller(people.ann.token).request(route.method, route.path, {})

            is_locked = status == 403 and "lock 'audit'" in answer["message"]
            assert is_locked == (route.need is Permission.WRITE)

    def test_ends_with_its_removal(self, people: People, owner: Asker) -> None:
        owner.done("POST", "groups/default/locks", AUDIT)
        owner.done("DELETE", "groups/default/locks/audit")

        assert Caller(people.ann.token).new_run()

    def test_is_noticed_by_a_process_that_knew_the_workspace_as_soon_as_it_forgets(
        self, people: People, owner: Asker
    ) -> None:
        """What another process holds in memory it holds for a second (core.memory); here it is made to forget."""
        Caller(people.ann.token).new_run()
        Lock.objects.create(
            name="x1", level="ReadOnly", workspace=people.workspace, created_at=utc_now(), created_by=""
        )

        Memory.forget_all()

        assert Caller(people.ann.token).refused("runs/create", {"experiment_id": "0"})[0] == 403


class TestCanNotDelete:
    def test_lets_log(self, people: People, owner: Asker) -> None:
        owner.done("POST", "groups/default/locks", {"name": "keep", "level": "CanNotDelete"})

        assert Caller(people.ann.token).new_run()
