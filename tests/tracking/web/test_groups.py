"""The pages of resource groups: what owners, readers and strangers see, and the forms."""

import html

import pytest
from django.test import Client, TestCase
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tracking.audit.models import AuditEvent
from tracking.core.clock import utc_now
from tracking.workspaces.models import Lock, ResourceGroup, RoleAssignment, Workspace
from tracking.workspaces.services import assign_role, create_group, create_lock, create_workspace
from tracking.workspaces.types import LockLevel, Role

PAGE = "/groups/default"


@pytest.fixture
def owner(client: Client, people: People) -> Client:
    """Ann owns the server."""
    assign_role(user=people.ann.user, role=Role.OWNER, by=None, now=utc_now())
    client.force_login(people.ann.user)
    return client


@pytest.fixture
def reader(people: People) -> Client:
    """Bob reads the group."""
    assign_role(user=people.bob.user, role=Role.READER, group=people.workspace.group, by=None, now=utc_now())
    client = Client()
    client.force_login(people.bob.user)
    return client


def send(client: Client, path: str, **fields: str) -> tuple[str, str]:
    """Send a form and return where it led and what that page says."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        sent = client.post(path, fields)
    assert sent.status_code == 302
    response = client.get(sent["Location"])
    assert response.status_code == 200
    return sent["Location"], html.unescape(response.content.decode())


class TestGroupList:
    def test_shows_those_in_which_one_has_a_role(self, owner: Client, reader: Client, people: People) -> None:
        create_group(name="lab", by=None, now=utc_now())

        of_owner, of_reader = (client.get("/groups").content.decode() for client in (owner, reader))

        assert 'href="/groups/lab"' in of_owner
        assert 'href="/groups/default"' in of_reader
        assert "/groups/lab" not in of_reader
        assert "Create a resource group" in of_owner
        assert "Create a resource group" not in of_reader

    def test_creates_one(self, owner: Client) -> None:
        where, page = send(owner, "/groups", action="create_group", name="lab", description="Robots")

        assert where == "/groups/lab"
        assert "Robots" in page

    def test_says_why_it_does_not(self, owner: Client) -> None:
        where, page = send(owner, "/groups", action="create_group", name="default")

        assert where == "/groups"
        assert "Resource group 'default' already exists." in page

    def test_creates_none_for_others(self, reader: Client) -> None:
        assert reader.post("/groups", {"action": "create_group", "name": "lab"}).status_code == 403
        assert not ResourceGroup.objects.filter(name="lab").exists()


class TestGroupDetail:
    def test_shows_what_is_in_it(self, owner: Client, people: People) -> None:
        create_lock(
            name="keep",
            level=LockLevel.CAN_NOT_DELETE,
            note="Until the paper is out",
            group=people.workspace.group,
            by=people.ann.user,
            now=utc_now(),
        )

        page = owner.get(PAGE).content.decode()

        assert 'href="/w/default/experiments"' in page
        assert "Until the paper is out" in page
        assert "<code>lock.create</code>" in page

    def test_shows_readers_no_form_and_no_activity(self, reader: Client) -> None:
        page = reader.get(PAGE).content.decode()

        assert 'name="action"' not in page
        assert "Activity" not in page

    def test_looks_to_a_stranger_as_if_it_did_not_exist(self, client: Client, people: People) -> None:
        client.force_login(people.cleo.user)

        assert client.get(PAGE).status_code == client.get("/groups/none").status_code == 404
        assert client.post(PAGE, {"action": "update_group", "name": "mine"}).status_code == 404

    @pytest.mark.parametrize("action", ["update_group", "create_workspace", "give_role", "take_role", "add_lock", ""])
    def test_changes_nothing_for_a_reader(self, reader: Client, action: str) -> None:
        fields = {"action": action, "name": "mine", "username": "bob", "role": "owner", "level": "ReadOnly"}

        assert reader.post(PAGE, fields).status_code == 403
        assert not Lock.objects.exists()
        assert Workspace.objects.count() == 1

    def test_takes_a_new_name_description_and_tags(self, owner: Client) -> None:
        where, page = send(
            owner, PAGE, action="update_group", name="lab", description="Robots", tags="team = r\n\ncost=a=b"
        )

        assert where == "/groups/lab"
        assert ResourceGroup.objects.get().tags == {"team": "r", "cost": "a=b"}
        assert "team: r" in page

    def test_writes_down_only_what_differs(self, owner: Client) -> None:
        send(owner, PAGE, action="update_group", name="default", description="Robots", tags="")
        send(owner, PAGE, action="update_group", name="default", description="Robots", tags="")

        said = AuditEvent.objects.filter(verb="group.update").values_list("target", flat=True)
        assert list(said) == ["default: description = Robots"]

    @pytest.mark.parametrize("tags", ["no separator", "a = 1\na = 2"])
    def test_says_which_line_is_no_tag(self, owner: Client, tags: str) -> None:
        _, page = send(owner, PAGE, action="update_group", name="default", tags=tags)

        assert "Tags are lines of the form name = value" in page
        assert ResourceGroup.objects.get().tags == {}

    def test_creates_a_workspace_to_log_to(self, owner: Client) -> None:
        where, page = send(owner, PAGE, action="create_workspace", name="vision")

        assert where == "/w/vision/"
        assert "Workspace vision is there" in page

    def test_gives_and_takes_roles(self, owner: Client, people: People) -> None:
        _, given = send(owner, PAGE, action="give_role", username="cleo", role="contributor")
        held = list(RoleAssignment.objects.filter(user=people.cleo.user).values_list("role", "group"))
        _, taken = send(owner, PAGE, action="take_role", username="cleo")

        assert "cleo is Contributor here now." in given
        assert held == [("contributor", people.workspace.group_id)]
        assert "The role of cleo was taken away." in taken
        assert not RoleAssignment.objects.filter(user=people.cleo.user).exists()

    def test_adds_a_lock_that_only_locks_and_members_pass(self, owner: Client, people: People) -> None:
        _, locked = send(owner, PAGE, action="add_lock", name="audit", level="ReadOnly", note="Audit")
        refused = owner.post(PAGE, {"action": "create_workspace", "name": "vision"})
        _, given = send(owner, PAGE, action="give_role", username="cleo", role="reader")
        _, unlocked = send(owner, PAGE, action="remove_lock", name="audit")

        assert "Lock audit holds now." in locked
        assert refused.status_code == 403
        assert "ReadOnly lock" in refused.content.decode()
        assert "cleo is Reader here now." in given
        assert "Lock audit is gone." in unlocked

    def test_refuses_a_form_that_asks_for_nothing_it_knows(self, owner: Client) -> None:
        assert owner.post(PAGE, {"action": "explode"}).status_code == 400

    def test_refuses_a_form_from_elsewhere(self, owner: Client, people: People) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(people.ann.user)

        assert client.post(PAGE, {"action": "add_lock", "name": "x1", "level": "ReadOnly"}).status_code == 403
        assert not Lock.objects.exists()

    def test_costs_the_same_however_much_is_in_it(
        self, owner: Client, people: People, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number in range(10):
            create_workspace(name=f"vision-{number}", group=people.workspace.group, by=None, now=utc_now())
        owner.get(PAGE)

        with django_assert_max_num_queries(20):
            assert owner.get(PAGE).content.count(b"Settings of vision-") == 10
