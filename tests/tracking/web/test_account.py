"""The page of the person who is signed in."""

import re
from datetime import timedelta

import pytest
from django.db.models import F
from django.test import Client

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.identity.models import AccessToken, Session
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

    def test_does_not_say_whether_a_password_is_right_once_there_were_too_many_tries(
        self, client: Client, people: People
    ) -> None:
        people.bob.user.set_password("the-right-password")
        people.bob.user.save()
        client.force_login(people.bob.user)
        form = {"new_password1": NEW, "new_password2": NEW}
        for _ in range(10):
            assert client.post("/account", form | {"old_password": "wrong"}).status_code == 200

        wrong = client.post("/account", form | {"old_password": "wrong"})
        right = client.post("/account", form | {"old_password": "the-right-password"})

        assert (wrong.status_code, right.status_code) == (429, 429)
        assert "field-error" not in wrong.content.decode() + right.content.decode()

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

    def test_asks_for_the_password_that_there_is(self, client: Client, people: People) -> None:
        people.bob.user.set_password("correct-horse-battery")
        people.bob.user.save()
        client.force_login(people.bob.user)

        without = client.post("/account", {"new_password1": NEW, "new_password2": NEW})
        wrong = [
            client.post("/account", {"old_password": "x", "new_password1": NEW, "new_password2": NEW}).status_code
            for _ in range(10)
        ]

        assert without.status_code == 200
        assert wrong == [200] * 9 + [429]
        assert not Client().login(username="bob", password=NEW)

    def test_asks_a_stranger_to_sign_in(self, client: Client, people: People) -> None:
        assert client.get("/account")["Location"] == "/sign-in?next=/account"


class TestSessions:
    def test_are_listed_this_one_first(self, people: People) -> None:
        phone, laptop = Client(headers={"user-agent": "Phone/1"}), Client(headers={"user-agent": "Laptop/1"})
        password = _password(people)
        for browser in (laptop, phone):
            browser.post("/sign-in", {"username": "bob", "password": password})

        page = laptop.get("/account").content.decode()

        assert page.index("Laptop/1") < page.index("this one") < page.index("Phone/1")

    def test_say_the_browser_and_the_system(self, people: People) -> None:
        agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0"
        desk = Client(headers={"user-agent": agent})
        desk.post("/sign-in", {"username": "bob", "password": _password(people)})

        assert re.search(r">\s*Edge · Windows\s*<", desk.get("/account").content.decode())

    def test_are_ended_one_by_one(self, people: People) -> None:
        here, there = Client(), Client()
        for browser in (here, there):
            browser.force_login(people.bob.user)
        (session_id,) = re.findall(r'name="session"\s+value="(\d+)"', here.get("/account").content.decode())

        here.post("/account/sessions", {"session": session_id})

        assert [browser.get("/account").status_code for browser in (here, there)] == [200, 302]

    def test_of_others_are_out_of_reach(self, people: People) -> None:
        ann, bob = Client(), Client()
        ann.force_login(people.ann.user)
        bob.force_login(people.bob.user)

        for session in [*Session.objects.values_list("pk", flat=True), "x", "9" * 40]:
            if session != Session.objects.get(user=people.bob.user).pk:
                bob.post("/account/sessions", {"session": session})

        assert ann.get("/account").status_code == 200

    def test_end_everywhere_with_the_tracking_tokens_of_the_portal(self, people: People) -> None:
        here, there = Client(), Client()
        for browser in (here, there):
            browser.force_login(people.bob.user)

        here.post("/account/sessions", {"everywhere": "1"})

        assert [browser.get("/account").status_code for browser in (here, there)] == [302, 302]
        assert not AccessToken.objects.filter(user=people.bob.user, revoked_at=None).exists()

    @pytest.mark.parametrize(("idle_h", "is_over"), [(7.9, False), (8.1, True)])
    def test_end_when_idle(self, client: Client, people: People, idle_h: float, is_over: bool) -> None:
        client.force_login(people.bob.user)
        Session.objects.update(
            seen_at=F("seen_at") - timedelta(hours=idle_h), expires_at=F("expires_at") - timedelta(hours=idle_h)
        )

        assert (client.get("/account").status_code == 302) == is_over

    def test_end_after_a_week_however_busy(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)
        Session.objects.update(
            created_at=F("created_at") - timedelta(hours=167), seen_at=F("seen_at") - timedelta(hours=1)
        )

        assert client.get("/account").status_code == 200
        session = Session.objects.get()
        assert session.expires_at - session.created_at == timedelta(hours=168)

    def test_are_kept_as_digests(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        assert str(client.session.session_key) not in repr(list(Session.objects.values()))

    def test_change_their_key_when_somebody_signs_in(self, client: Client, people: People) -> None:
        password = _password(people)
        client.force_login(people.ann.user)
        before = client.session.session_key

        client.post("/sign-out")
        client.post("/sign-in", {"username": "bob", "password": password})

        assert client.session.session_key != before


def _password(people: People) -> str:
    people.bob.user.set_password("correct-horse-battery")
    people.bob.user.save()
    return "correct-horse-battery"
