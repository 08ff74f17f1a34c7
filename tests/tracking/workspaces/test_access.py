"""The one door: every role x every place x every permission."""

import itertools

import pytest

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.core.errors import NotFoundError, PermissionDeniedError
from tracking.identity.queries import Credential
from tracking.workspaces.access import require
from tracking.workspaces.models import ResourceGroup, Workspace
from tracking.workspaces.queries import list_workspaces
from tracking.workspaces.services import assign_role, create_workspace
from tracking.workspaces.types import Permission, Role

GRANTS = {Role.READER: Permission.READ, Role.CONTRIBUTOR: Permission.WRITE, Role.OWNER: Permission.MANAGE}
PLACES = ["server", "group", "workspace"]


def give(people: People, role: Role, place: str) -> None:
    """Give Cleo, who has no role yet, a role at a place."""
    group: ResourceGroup | None = people.workspace.group if place == "group" else None
    workspace: Workspace | None = people.workspace if place == "workspace" else None
    assign_role(user=people.cleo.user, role=role, group=group, workspace=workspace, by=None, now=utc_now())


def granted(people: People, workspace: str = "default", *, bound_to: int | None = None) -> Permission | None:
    """Return the highest permission that Cleo is let in with; None: she is told that there is no such workspace."""
    credential = Credential(user=people.cleo.user, workspace_id=bound_to)
    highest = None
    for need in Permission:
        try:
            assert require(credential=credential, workspace=workspace, need=need).name == workspace
        except PermissionDeniedError as error:
            refusal = f"Your role in workspace '{workspace}' does not permit you to {need.name.lower()}."
            assert str(error) == f"{refusal} Ask an owner for a higher one."
        except NotFoundError as error:
            assert str(error) == f"Workspace '{workspace}' not found."
            return None
        else:
            highest = need
    return highest


class TestRequire:
    @pytest.mark.parametrize(("role", "place"), list(itertools.product(Role, PLACES)))
    def test_grants_a_role_what_it_permits_and_inherits_downwards(self, people: People, role: Role, place: str) -> None:
        other_group = People.around("lab")
        create_workspace(name="beside", group=people.workspace.group, by=None, now=utc_now())

        give(people, role, place)

        assert granted(people) == GRANTS[role]
        assert granted(people, "beside") == (None if place == "workspace" else GRANTS[role])
        assert granted(people, other_group.workspace.name) == (GRANTS[role] if place == "server" else None)

    @pytest.mark.parametrize(("low", "high"), list(itertools.permutations(PLACES, 2)))
    def test_counts_the_highest_role(self, people: People, low: str, high: str) -> None:
        give(people, Role.READER, low)
        give(people, Role.OWNER, high)

        assert granted(people) == Permission.MANAGE

    def test_tells_a_stranger_nothing(self, people: People) -> None:
        assert granted(people) is None
        assert granted(people, "none") is None

    @pytest.mark.parametrize("name", ["", "DEFAULT", "default ", "def%", "default\0", "../default", "x" * 5000])
    def test_finds_whole_names_only(self, people: People, name: str) -> None:
        give(people, Role.OWNER, "server")

        with pytest.raises(NotFoundError):
            require(credential=Credential(people.cleo.user, None), workspace=name, need=Permission.READ)

    def test_keeps_a_credential_to_its_workspace(self, people: People) -> None:
        lab = People.around("lab").workspace
        give(people, Role.OWNER, "server")

        assert granted(people, "lab", bound_to=lab.pk) == Permission.MANAGE
        assert granted(people, "default", bound_to=lab.pk) is None

    def test_gives_a_credential_no_more_than_its_owner_has(self, people: People) -> None:
        assert granted(people, bound_to=people.workspace.pk) is None


class TestListWorkspaces:
    @pytest.mark.parametrize(
        ("place", "names"),
        [("server", ["beside", "default", "lab"]), ("group", ["beside", "default"]), ("workspace", ["default"])],
    )
    def test_lists_where_the_door_is_open(self, people: People, place: str, names: list[str]) -> None:
        People.around("lab")
        create_workspace(name="beside", group=people.workspace.group, by=None, now=utc_now())
        give(people, Role.READER, place)

        found = [one.name for one in list_workspaces(credential=Credential(people.cleo.user, None))]

        assert found == names
        assert found == [name for name in ("beside", "default", "lab") if granted(people, name)]

    def test_lists_a_bound_credential_its_own(self, people: People) -> None:
        lab = People.around("lab").workspace
        give(people, Role.READER, "server")

        assert list_workspaces(credential=Credential(people.cleo.user, lab.pk)) == [lab]

    def test_lists_a_stranger_nothing(self, people: People) -> None:
        assert list_workspaces(credential=Credential(people.cleo.user, None)) == []
        assert list_workspaces(credential=Credential(people.cleo.user, people.workspace.pk)) == []
