"""Signing in with another provider: a real one, on loopback, that signs what it says."""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.http import HttpResponseBase
from django.test import Client
from pytest_django import Settings

from tests.support.oidc import CLIENT_ID, CLIENT_SECRET, FakeProvider
from tests.support.people import People
from tracking.audit.models import AuditEvent
from tracking.identity.models import User
from tracking.workspaces.models import RoleAssignment

BEGIN, BACK = "/sign-in/with/oidc", "/sign-in/with/oidc/back"


@pytest.fixture
def provider(people: People, settings: Settings) -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        app = {
            "provider_id": "oidc",
            "name": "Example",
            "client_id": CLIENT_ID,
            "secret": CLIENT_SECRET,
            "settings": {"server_url": provider.issuer},
        }
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
        yield provider


def come_in(client: Client, provider: FakeProvider, *, wanted: str = "/account") -> HttpResponseBase:
    """Go to the provider and come back."""
    begun = client.get(BEGIN, {"next": wanted})
    assert begun.status_code == 302
    return client.get(BACK, provider.authorise(begun["Location"]))


def signed_in_as(client: Client) -> str | None:
    answer = client.get("/api/v1/me")
    return str(answer.json()["username"]) if answer.status_code == 200 else None


class TestOpenIdConnect:
    def test_lets_a_new_person_in_without_any_role(self, client: Client, provider: FakeProvider) -> None:
        response = come_in(client, provider)

        dora = User.objects.get(username="dora")
        assert response["Location"] == "/account"
        assert signed_in_as(client) == "dora"
        assert (dora.email, dora.has_usable_password(), dora.is_staff) == ("dora@example.org", False, False)
        assert not RoleAssignment.objects.filter(user=dora).exists()
        assert AuditEvent.objects.get(verb="sign_in.done").result == "openid connect"

    def test_knows_people_again_by_what_the_provider_calls_them_inside(
        self, client: Client, provider: FakeProvider
    ) -> None:
        come_in(client, provider)
        provider.person |= {"preferred_username": "renamed", "email": "other@example.org"}

        again = Client()
        come_in(again, provider)

        assert signed_in_as(again) == "dora"
        assert not User.objects.filter(username="renamed").exists()

    def test_takes_nobodys_account_over(self, client: Client, provider: FakeProvider) -> None:
        provider.person["preferred_username"] = "Ann"

        response = come_in(client, provider)

        assert response["Location"] == "/sign-in"
        assert signed_in_as(client) is None
        page = client.get("/sign-in").content.decode()
        assert "The name Ann or the e-mail address is taken here" in page
        assert "link it on its page" in page

    def test_takes_nobodys_account_over_by_their_address(self, client: Client, provider: FakeProvider) -> None:
        User.objects.filter(username="ann").update(email="Dora@Example.org")

        assert come_in(client, provider)["Location"] == "/sign-in"

        assert signed_in_as(client) is None
        assert not User.objects.filter(username="dora").exists()

    def test_links_who_asks_for_it_while_signed_in(
        self, client: Client, people: People, provider: FakeProvider, settings: Settings
    ) -> None:
        settings.OIDC_ID = "oidc"
        client.force_login(people.ann.user)
        assert "/account/link" in client.get("/account").content.decode()

        begun = client.get(client.post("/account/link")["Location"])
        linked = client.get(BACK, provider.authorise(begun["Location"]))

        assert linked["Location"] == "/account"
        assert AuditEvent.objects.filter(verb="user.link", target="ann").count() == 1
        assert "/account/link" not in client.get("/account").content.decode()
        again = Client()
        come_in(again, provider)
        assert signed_in_as(again) == "ann"
        assert not User.objects.filter(username="dora").exists()

    def test_is_unlinked_by_who_has_a_password_and_lets_them_in_no_more(
        self, client: Client, people: People, provider: FakeProvider, settings: Settings
    ) -> None:
        settings.OIDC_ID = "oidc"
        people.ann.user.set_password("a-long-password")
        people.ann.user.save()
        client.force_login(people.ann.user)
        begun = client.get(client.post("/account/link")["Location"])
        client.get(BACK, provider.authorise(begun["Location"]))
        assert "/account/unlink" in client.get("/account").content.decode()

        assert client.post("/account/unlink")["Location"] == "/account"

        page = client.get("/account").content.decode()
        assert "does not sign you in any more" in page
        assert "/account/link" in page
        assert AuditEvent.objects.filter(verb="user.unlink", target="ann").count() == 1
        again = Client()
        come_in(again, provider)
        assert signed_in_as(again) == "dora"
        client.post("/account/unlink")
        assert "No other provider&#x27;s account is linked" in client.get("/account").content.decode()

    def test_is_not_unlinked_where_it_is_the_only_way_in(
        self, client: Client, provider: FakeProvider, settings: Settings
    ) -> None:
        settings.OIDC_ID = "oidc"
        come_in(client, provider)
        assert "/account/unlink" not in client.get("/account").content.decode()

        client.post("/account/unlink")

        assert "set a password first" in client.get("/account").content.decode()
        again = Client()
        come_in(again, provider)
        assert signed_in_as(again) == "dora"

    def test_links_nobody_who_did_not_ask(self, client: Client, people: People, provider: FakeProvider) -> None:
        client.force_login(people.ann.user)

        come_in(client, provider)

        assert signed_in_as(client) == "dora"
        assert not AuditEvent.objects.filter(verb="user.link").exists()

    def test_links_nobody_to_who_is_somebody_else_here(
        self, client: Client, people: People, provider: FakeProvider, settings: Settings
    ) -> None:
        settings.OIDC_ID = "oidc"
        come_in(Client(), provider)
        client.force_login(people.ann.user)

        begun = client.get(client.post("/account/link")["Location"])
        client.get(BACK, provider.authorise(begun["Location"]))

        assert signed_in_as(client) == "ann"
        assert "linked to somebody else here" in client.get("/account").content.decode()

    def test_keeps_out_who_was_disabled(self, client: Client, provider: FakeProvider) -> None:
        come_in(client, provider)
        User.objects.filter(username="dora").update(is_active=False)

        again = Client()
        assert come_in(again, provider)["Location"] == "/sign-in"
        assert signed_in_as(again) is None

    @pytest.mark.parametrize(
        "claims", [{"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1}, {"sub": "another"}, {"sub": ""}]
    )
    def test_does_not_believe_a_token_for_others(
        self, client: Client, provider: FakeProvider, claims: dict[str, object]
    ) -> None:
        provider.claims = claims

        assert come_in(client, provider)["Location"] == "/sign-in"
        assert signed_in_as(client) is None
        assert not User.objects.filter(username="dora").exists()

    def test_does_not_believe_another_key(self, client: Client, provider: FakeProvider) -> None:
        provider.signing_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

        assert come_in(client, provider)["Location"] == "/sign-in"
        assert signed_in_as(client) is None

    @pytest.mark.parametrize("algorithm", ["none", "HS256"])
    def test_does_not_believe_a_token_that_anybody_can_sign(
        self, client: Client, provider: FakeProvider, algorithm: str
    ) -> None:
        provider.algorithm, provider.signing_key = algorithm, "x" * 32 if algorithm == "HS256" else None

        assert come_in(client, provider)["Location"] == "/sign-in"
        assert signed_in_as(client) is None

    def test_does_not_answer_what_it_did_not_ask(self, client: Client, provider: FakeProvider) -> None:
        asked = provider.authorise(Client().get(BEGIN)["Location"])

        for query in (asked, {"code": "the-code"}, {"error": "access_denied"}, {}):
            assert client.get(BACK, query)["Location"] == "/sign-in"
        assert signed_in_as(client) is None

    @pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "javascript:x()"])
    def test_never_leads_elsewhere(self, client: Client, provider: FakeProvider, wanted: str) -> None:
        assert come_in(client, provider, wanted=wanted)["Location"] == "/"

    def test_is_404_where_it_is_not_set_up(self, client: Client, people: People) -> None:
        assert [client.get(path).status_code for path in (BEGIN, BACK, "/sign-in/with/x")] == [404] * 3
