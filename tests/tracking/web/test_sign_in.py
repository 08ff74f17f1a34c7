"""Coming in and going out."""

import pytest
from django.test import Client

from tests.support.people import People
from tracking.audit.models import AuditEvent
from tracking.core.clock import utc_now
from tracking.identity.models import Attempts
from tracking.identity.services import issue_sign_in_link, set_password
from tracking.identity.types import SIGN_IN_LINK_LIFE

PASSWORD = "correct-horse-battery"


@pytest.fixture
def ann(people: People) -> People:
    set_password(user=people.ann.user, password=PASSWORD, by=people.ann.user, now=utc_now())
    return people


def is_signed_in(client: Client) -> bool:
    return client.get("/account").status_code == 200


class TestSignIn:
    def test_with_the_password_leads_home(self, client: Client, ann: People) -> None:
        response = client.post("/sign-in", {"username": "ann", "password": PASSWORD})

        assert response["Location"] == "/"
        assert is_signed_in(client)

    def test_with_a_wrong_password_says_so_and_keeps_the_way_on(self, client: Client, ann: People) -> None:
        response = client.post("/sign-in", {"username": "ann", "password": "wrong", "next": "/w/default/"})

        page = response.content.decode()
        assert "Please enter a correct username and password" in page
        assert 'name="next" value="/w/default/"' in page
        assert "wrong" not in page
        assert not is_signed_in(client)

    def test_leads_on_to_a_page_of_ours(self, client: Client, ann: People) -> None:
        wanted = "/w/default/#/experiments/1"

        response = client.post("/sign-in", {"username": "ann", "password": PASSWORD, "next": wanted})

        assert response["Location"] == wanted

    @pytest.mark.parametrize(
        "wanted",
        ["//evil.example", "/\\evil.example", "https:evil.example", "https://evil.example/", "javascript:x()", "x"],
    )
    def test_never_leads_elsewhere(self, client: Client, ann: People, wanted: str) -> None:
        response = client.post("/sign-in", {"username": "ann", "password": PASSWORD, "next": wanted})

        assert response["Location"] == "/"

    def test_needs_the_token_of_the_form(self, ann: People) -> None:
        response = Client(enforce_csrf_checks=True).post("/sign-in", {"username": "ann", "password": PASSWORD})

        assert response.status_code == 403


class TestGuessing:
    def wrong(self, *, username: str = "ann", address: str = "203.0.113.7") -> int:
        form = {"username": username, "password": "wrong"}
        return Client().post("/sign-in", form, REMOTE_ADDR=address).status_code

    def right(self, *, address: str = "203.0.113.7") -> int:
        return Client().post("/sign-in", {"username": "ann", "password": PASSWORD}, REMOTE_ADDR=address).status_code

    def test_of_one_account_is_refused_after_ten_tries(self, ann: People) -> None:
        answers = [self.wrong() for _ in range(20)]

        assert answers == [200] * 10 + [429] * 10
        assert self.right() == 429
        assert self.right(address="198.51.100.9") == 302
        (event,) = AuditEvent.objects.filter(verb="sign_in.throttle")
        assert (event.target, event.result) == ("ann", "refused")

    def test_says_when_to_come_back(self, ann: People) -> None:
        for _ in range(10):
            self.wrong()

        response = Client().post("/sign-in", {"username": "ann", "password": "x"}, REMOTE_ADDR="203.0.113.7")

        assert 0 < int(response["Retry-After"]) <= 15 * 60
        assert "Too many tries. Wait 15 minutes." in response.content.decode()

    def test_counts_the_account_in_any_spelling(self, ann: People) -> None:
        assert [self.wrong(username=name) for name in ["ann", "ANN"] * 6] == [200] * 10 + [429] * 2

    def test_of_many_accounts_is_refused_from_one_address(self, ann: People) -> None:
        answers = [self.wrong(username=f"user{number}") for number in range(31)]

        assert answers == [200] * 30 + [429]

    def test_is_forgiven_by_the_right_password(self, ann: People) -> None:
        for _ in range(3):
            assert [self.wrong() for _ in range(9)] == [200] * 9
            assert self.right() == 302

    def test_is_forgotten_after_a_quarter_of_an_hour(self, ann: People) -> None:
        for _ in range(11):
            self.wrong()
        Attempts.objects.update(until=utc_now())

        assert self.right() == 302

    def test_cannot_move_to_another_address_by_a_header(self, ann: People) -> None:
        answers = [
            Client()
            .post(
                "/sign-in",
                {"username": "ann", "password": "wrong"},
                headers={"X-Forwarded-For": f"192.0.2.{number}", "X_Forwarded_For": f"192.0.2.{number}"},
            )
            .status_code
            for number in range(11)
        ]

        assert answers == [200] * 10 + [429]

    def test_is_counted_before_it_is_checked(self, ann: People) -> None:
        """So that many at once get no more tries than one after the other."""
        self.wrong()

        assert Attempts.objects.count() == 3
        assert set(Attempts.objects.values_list("count", flat=True)) == {1}

    def test_of_links_is_refused(self, people: People) -> None:
        assert [Client().get("/sign-in/nonsense").status_code for _ in range(31)] == [403] * 30 + [429]


class TestUseLink:
    def test_signs_in_once(self, client: Client, people: People) -> None:
        link = issue_sign_in_link(user=people.ann.user, by=None, now=utc_now())

        first = client.get(f"/sign-in/{link}")

        assert first["Location"] == "/"
        assert is_signed_in(client)
        assert Client().get(f"/sign-in/{link}").status_code == 403

    def test_says_how_to_get_a_new_one_when_it_is_late(self, client: Client, people: People) -> None:
        link = issue_sign_in_link(user=people.ann.user, by=None, now=utc_now() - SIGN_IN_LINK_LIFE)

        response = client.get(f"/sign-in/{link}")

        assert response.status_code == 403
        assert "manage.py sign_in_link" in response.content.decode()
        assert not is_signed_in(client)

    def test_refuses_what_is_no_link(self, client: Client, people: People) -> None:
        assert client.get("/sign-in/nonsense").status_code == 403


class TestSignOut:
    def test_ends_the_session(self, client: Client, people: People) -> None:
        client.force_login(people.ann.user)

        assert client.post("/sign-out")["Location"] == "/sign-in"
        assert not is_signed_in(client)

    def test_is_nothing_that_a_picture_on_another_site_can_do(self, client: Client, people: People) -> None:
        client.force_login(people.ann.user)

        assert client.get("/sign-out").status_code == 405
        assert is_signed_in(client)
