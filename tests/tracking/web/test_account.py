"""The page of the person who is signed in."""

import re

from django.test import Client

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.workspaces.services import assign_role, create_group
from tracking.workspaces.types import Role

NEW = "a-long-new-password"


class TestAccount:
    def test_shows_who_one_is_and_where_one_may_go(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        page = client.get("/account").content.decode()

        assert "<h1>bob</h1>" in page
        assert 'href="/w/default/"' in page

    def test_shows_ones_roles_and_where(self, client: Client, people: People) -> None:
        lab = create_group(name="lab", by=None, now=utc_now())
        assign_role(user=people.bob.user, role=Role.CONTRIBUTOR, group=lab, by=None, now=utc_now())
        client.force_login(people.bob.user)

        page = client.get("/account").content.decode()

        assert re.search(r"Contributor\s*<span class=\"row-end\">in resource group lab</span>", page)
        assert re.search(r"Reader\s*<span class=\"row-end\">in workspace default</span>", page)

    def test_sets_the_password_and_keeps_the_session(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        response = client.post("/account", {"new_password1": NEW, "new_password2": NEW}, follow=True)

        assert "Your password is set" in response.content.decode()
        assert client.get("/account").status_code == 200
        assert Client().login(username="bob", password=NEW)

    def test_ends_the_other_sessions(self, client: Client, people: People) -> None:
        other = Client()
        for one in (client, other):
            one.force_login(people.bob.user)

        client.post("/account", {"new_password1": NEW, "new_password2": NEW})

        assert other.get("/account").status_code == 302

    def test_refuses_a_weak_password(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        response = client.post("/account", {"new_password1": "short", "new_password2": "short"})

        assert "at least 12 characters" in response.content.decode()
        assert 'aria-invalid="true"' in response.content.decode()
        assert not Client().login(username="bob", password="short")

    def test_asks_a_stranger_to_sign_in(self, client: Client, people: People) -> None:
        assert client.get("/account")["Location"] == "/sign-in?next=/account"
