"""Members by the REST API: who has which role where, and that somebody is left who owns."""

import pytest

from tests.support.people import People
from tests.tracking.api.caller import Caller
from tests.tracking.api.portal.asker import Asker
from tracking.core.clock import utc_now
from tracking.identity.models import User
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import Role


@pytest.fixture
def owner(people: People) -> Asker:
    """Ann owns the server."""
    assign_role(user=people.ann.user, role=Role.OWNER, by=None, now=utc_now())
    return Asker.of(people.ann.user)


class TestMembers:
    def test_are_those_of_the_place_and_of_those_above(self, people: People, owner: Asker) -> None:
        assign_role(user=people.cleo.user, role=Role.READER, group=people.workspace.group, by=None, now=utc_now())

        def seen(place: str) -> list[tuple[str, str, str, bool]]:
            members = owner.done("GET", f"{place}/members")["members"]
            return [(one["username"], one["role"], one["scope"], one["inherited"]) for one in members]

        assert seen("server") == [("ann", "owner", "server", False)]
        assert seen("groups/default") == [("ann", "owner", "server", True), ("cleo", "reader", "group", False)]
        assert seen("workspaces/default") == [
            ("ann", "owner", "workspace", False),
            ("ann", "owner", "server", True),
            ("bob", "reader", "workspace", False),
            ("cleo", "reader", "group", True),
        ]


class TestPut:
    @pytest.mark.parametrize("place", ["server", "groups/default", "workspaces/default"])
    def test_gives_and_takes_a_role_at_once(self, people: People, owner: Asker, cleo: Asker, place: str) -> None:
        assert cleo.ask("GET", "workspaces/default")[0] == 404

        given = owner.done("PUT", f"{place}/members/cleo", {"role": "contributor"})

        assert (given["role"], given["inherited"]) == ("contributor", False)
        assert Caller(cleo.token).new_run()
        assert owner.ask("DELETE", f"{place}/members/cleo") == (204, None)
        assert cleo.ask("GET", "workspaces/default")[0] == 404
        assert owner.refused("DELETE", f"{place}/members/cleo")[0] == 404

    def test_refuses_unknown_people_and_roles(self, owner: Asker) -> None:
        assert owner.refused("PUT", "groups/default/members/nobody", {"role": "reader"})[0] == 404
        for role in ("admin", "Owner", ""):
            assert owner.refused("PUT", "groups/default/members/bob", {"role": role})[0] == 400

    def test_lets_no_one_raise_themselves(self, people: People, owner: Asker, bob: Asker) -> None:
        assign_role(user=people.bob.user, role=Role.CONTRIBUTOR, workspace=people.workspace, by=None, now=utc_now())

        for place in ("server", "groups/default", "workspaces/default"):
            assert bob.refused("PUT", f"{place}/members/bob", {"role": "owner"})[0] in (403, 404)

    def test_works_under_a_lock(self, owner: Asker) -> None:
        owner.done("POST", "groups/default/locks", {"name": "audit", "level": "ReadOnly"})

        assert owner.ask("DELETE", "workspaces/default/members/bob")[0] == 204


class TestLastOwner:
    def test_of_the_server_stays(self, people: People, owner: Asker) -> None:
        for method, body in (("PUT", {"role": "reader"}), ("DELETE", None)):
            refused = owner.refused(method, "server/members/ann", body)
            assert refused[:2] == (400, "INVALID_STATE")

        owner.done("PUT", "server/members/bob", {"role": "owner"})
        User.objects.filter(username="bob").update(is_active=False)
        assert owner.refused("DELETE", "server/members/ann")[:2] == (400, "INVALID_STATE")

        User.objects.filter(username="bob").update(is_active=True)
        assert owner.ask("DELETE", "server/members/ann")[0] == 204
