"""The settings of a workspace, and the page that says why somebody may do what."""

import html
import re

import pytest
from django.test import Client

from tests.support.people import People
from tests.tracking.api.caller import Caller
from tests.tracking.web.test_groups import send
from tracking.core.clock import utc_now
from tracking.identity.models import User
from tracking.workspaces.models import Workspace
from tracking.workspaces.services import assign_role, create_group, create_lock
from tracking.workspaces.types import LockLevel, Role

PAGE, WHY = "/w/default/settings", "/w/default/access"


@pytest.fixture
def owner(client: Client, people: People) -> Client:
    """Ann owns the workspace alone."""
    client.force_login(people.ann.user)
    return client


@pytest.fixture
def group_owner(owner: Client, people: People) -> Client:
    """Ann owns the groups of two workspaces, too."""
    for group in (people.workspace.group, create_group(name="lab", by=None, now=utc_now())):
        assign_role(user=people.ann.user, role=Role.OWNER, group=group, by=None, now=utc_now())
    return owner


def answers(client: Client, query: str = "") -> list[str]:
    """Return what the page says to the three questions, as ``Yes: why``."""
    page = html.unescape(client.get(f"{WHY}{query}").content.decode())
    part = page[page.index("data-answers") : page.index("roles-title")]
    reasons = re.findall(r'long-note">(.*?)</span>', part, re.S)
    words = re.findall(r"</svg>\s*(Yes|No)\s*</span>", part)
    return [f"{word}: {reason.strip()}" for word, reason in zip(words, reasons, strict=True)]


class TestWorkspaceSettings:
    def test_shows_readers_everything_and_no_form(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        page = client.get(PAGE).content.decode()

        assert "Usage and quotas" in page
        assert 'name="action"' not in page
        for action in ("update_workspace", "set_quota", "move", "give_role", "add_lock"):
            assert client.post(PAGE, {"action": action, "name": "mine"}).status_code == 403

    def test_renames_and_leads_on(self, owner: Client) -> None:
        where, page = send(owner, PAGE, action="update_workspace", name="vision", description="Eyes", tags="a = b")

        assert where == "/w/vision/settings"
        assert "Eyes" in page
        assert owner.get(PAGE)["Location"] == "/w/vision/settings"
        assert Workspace.objects.get().tags == {"a": "b"}

    def test_releases_a_former_name(self, owner: Client) -> None:
        send(owner, PAGE, action="update_workspace", name="vision")
        shown = owner.get("/w/vision/settings").content.decode()

        _, page = send(owner, "/w/vision/settings", action="release_name", former_name="default")

        assert 'name="former_name" value="default"' in shown
        assert "The address default leads nowhere any more." in page
        assert owner.get(PAGE).status_code == 404

    def test_leaves_quotas_and_moves_to_owners_of_the_group(self, owner: Client) -> None:
        assert "set_quota" not in owner.get(PAGE).content.decode()
        assert owner.post(PAGE, {"action": "set_quota", "quota_runs": "5"}).status_code == 404
        assert owner.post(PAGE, {"action": "move", "group": "lab"}).status_code == 404

    def test_sets_quotas_and_warns(self, group_owner: Client, people: People) -> None:
        Caller(people.ann.token).new_run()

        _, page = send(group_owner, PAGE, action="set_quota", quota_runs="1", quota_gib="0.5")

        workspace = Workspace.objects.get()
        assert (workspace.quota_runs, workspace.quota_bytes) == (1, 2**29)
        assert "1 of 1" in page
        assert "Used up: no more are taken." in page
        assert "Used up: no more are taken." in group_owner.get("/w/default/").content.decode()
        send(group_owner, PAGE, action="set_quota", quota_runs="", quota_gib="")
        assert Workspace.objects.get().quota_runs is None

    @pytest.mark.parametrize("runs", ["-1", "0", "x", "1.5", "9" * 30])
    def test_says_what_is_no_quota(self, group_owner: Client, runs: str) -> None:
        _, page = send(group_owner, PAGE, action="set_quota", quota_runs=runs)

        assert "toast-error" in page
        assert Workspace.objects.get().quota_runs is None

    def test_moves(self, group_owner: Client) -> None:
        _, page = send(group_owner, PAGE, action="move", group="lab")

        assert "The workspace is in resource group lab now." in page
        assert Workspace.objects.get().group.name == "lab"


class TestWorkspaceAccess:
    def test_explains_a_role(self, owner: Client, client: Client, people: People) -> None:
        assign_role(user=people.bob.user, role=Role.CONTRIBUTOR, group=people.workspace.group, by=None, now=utc_now())

        assert answers(owner, "?person=bob") == [
            "Yes: Contributor on resource group default.",
            "Yes: Contributor on resource group default.",
            "No: No role here permits it.",
        ]

    def test_explains_a_lock(self, owner: Client, people: People) -> None:
        create_lock(
            name="audit",
            level=LockLevel.READ_ONLY,
            group=people.workspace.group,
            by=people.ann.user,
            now=utc_now(),
        )

        assert answers(owner) == [
            "Yes: Owner on this workspace.",
            "No: Lock audit refuses it.",
            "Yes: But for its settings, which lock audit refuses.",
        ]

    def test_explains_why_nothing(self, owner: Client, people: People) -> None:
        nothing = ["No: No role here, or the account is disabled."] * 3
        assert answers(owner, "?person=cleo") == nothing

        User.objects.filter(username="bob").update(is_active=False)
        assert answers(owner, "?person=bob") == nothing

    def test_tells_others_about_themselves_only(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        assert answers(client)[0] == "Yes: Reader on this workspace."
        assert client.get(f"{WHY}?person=ann").status_code == 403
        assert "ann" not in re.sub(r"\w*ann\w+|\w+ann\w*", "", client.get(WHY).content.decode())
