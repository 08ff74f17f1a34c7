"""The pages of people, for the server's owners."""

import re

import pytest
from django.test import Client

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.identity.models import User
from tracking.workspaces.models import RoleAssignment
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import Role


@pytest.fixture
def ann(client: Client, people: People) -> People:
    """Ann owns the server and is signed in."""
    assign_role(user=people.ann.user, role=Role.OWNER, by=None, now=utc_now())
    client.force_login(people.ann.user)
    return people


def link_in(page: str) -> str:
    (path,) = re.findall(r"/sign-in/mlp_\w+", page)
    return str(path)


class TestPersonList:
    def test_invites_somebody_who_then_comes_in(self, client: Client, ann: People) -> None:
        form = {"username": "dora", "email": "dora@example.org", "role": "reader"}

        page = client.post("/people", form).content.decode()

        other = Client()
        assert other.get(link_in(page)).status_code == 302
        assert "<h1>dora</h1>" in other.get("/account").content.decode()
        assert RoleAssignment.objects.get(user__username="dora").role == "reader"
        assert "mlp_" not in client.get("/people").content.decode()

    def test_says_why_it_invites_nobody(self, client: Client, ann: People) -> None:
        page = client.post("/people", {"username": "Bob", "role": ""}).content.decode()

        assert "There is a user &#x27;Bob&#x27; already" in page
        assert 'aria-invalid="true"' in page
        assert User.objects.count() == 3

    def test_finds(self, client: Client, ann: People) -> None:
        page = client.get("/people?q=CLE").content.decode()

        assert 'href="/people/cleo"' in page
        assert 'href="/people/bob"' not in page

    def test_refuses_a_page_that_is_none(self, client: Client, ann: People) -> None:
        assert client.get("/people?page_token=x").status_code == 400

    def test_costs_no_more_queries_for_ten_more_people(
        self, client: Client, ann: People, django_assert_num_queries: object
    ) -> None:
        client.get("/people")
        User.objects.bulk_create(User(username=f"more{number}") for number in range(10))

        # session, user, their role, people, roles, server's owner?
        with django_assert_num_queries(6):  # type: ignore[operator]
            client.get("/people")

    def test_is_for_owners_of_the_server(self, client: Client, people: People) -> None:
        client.force_login(people.ann.user)  # of a workspace alone

        assert client.get("/people").status_code == 403
        assert "/people" not in client.get("/account").content.decode()


class TestPersonDetail:
    def test_says_what_one_may_where_and_why(self, client: Client, ann: People) -> None:
        assign_role(user=ann.bob.user, role=Role.CONTRIBUTOR, group=ann.workspace.group, by=None, now=utc_now())

        page = client.get("/people/bob").content.decode()

        assert re.search(r"default</a>\s*</th>\s*<td>Contributor</td>\s*<td>in resource group default</td>", page)

    def test_changes_the_role_on_the_server(self, client: Client, ann: People) -> None:
        client.post("/people/cleo", {"action": "role", "role": "contributor"})
        given = RoleAssignment.objects.get(user=ann.cleo.user).role
        client.post("/people/cleo", {"action": "role", "role": ""})

        assert given == "contributor"
        assert not RoleAssignment.objects.filter(user=ann.cleo.user).exists()

    def test_keeps_the_last_owner(self, client: Client, ann: People) -> None:
        page = client.post("/people/ann", {"action": "role", "role": ""}, follow=True).content.decode()

        assert "toast-error" in page
        assert RoleAssignment.objects.filter(user=ann.ann.user, role="owner", workspace=None).exists()

    def test_disables_and_enables(self, client: Client, ann: People) -> None:
        bob = Client()
        bob.force_login(ann.bob.user)

        client.post("/people/bob", {"action": "disable"})
        kept_out = bob.get("/account").status_code
        client.post("/people/bob", {"action": "enable"})

        assert kept_out == 302
        assert User.objects.get(username="bob").is_active

    def test_does_not_disable_oneself(self, client: Client, ann: People) -> None:
        client.post("/people/ann", {"action": "disable"})

        assert User.objects.get(username="ann").is_active

    def test_resets_the_password_by_a_link(self, client: Client, ann: People) -> None:
        ann.bob.user.set_password("correct-horse-battery")
        ann.bob.user.save()

        page = client.post("/people/bob", {"action": "reset"}).content.decode()

        assert not User.objects.get(username="bob").has_usable_password()
        assert Client().get(link_in(page)).status_code == 302

    @pytest.mark.parametrize("action", ["", "delete", "__class__"])
    def test_knows_no_other_action(self, client: Client, ann: People, action: str) -> None:
        assert client.post("/people/bob", {"action": action}).status_code == 404
