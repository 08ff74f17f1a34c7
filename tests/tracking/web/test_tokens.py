"""The page of one's tokens."""

import re

from django.test import Client

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.identity.models import AccessToken
from tracking.identity.queries import credential_by_token
from tracking.identity.services import issue_access_token
from tracking.identity.types import Scope


class TestTokenList:
    def test_makes_a_token_and_shows_it_once(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        made = client.post("/account/tokens", {"name": "laptop", "scope": "read", "life_days": "30"}).content.decode()
        again = client.get("/account/tokens").content.decode()

        (text,) = re.findall(r"mlp_\w+", made)
        credential = credential_by_token(text=text, now=utc_now())
        assert (credential.user, credential.scope) == (people.bob.user, Scope.READ)
        assert text not in again
        assert f"…{text[-4:]}" in again

    def test_refuses_nonsense_and_makes_nothing(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)
        before = AccessToken.objects.count()

        for form in ({}, {"name": " "}, {"name": "x", "scope": "root", "life_days": "7"},
                     {"name": "x", "scope": "read", "life_days": "99999"}):  # fmt: skip
            assert client.post("/account/tokens", form).status_code == 200

        assert AccessToken.objects.count() == before

    def test_revokes(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)
        token = issue_access_token(user=people.bob.user, name="laptop", now=utc_now())

        page = client.post("/account/tokens", {"revoke": str(token.token_id)}, follow=True).content.decode()

        assert "The token is revoked" in page
        assert AccessToken.objects.get(pk=token.token_id).revoked_at is not None

    def test_revokes_nothing_of_others(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)
        token = issue_access_token(user=people.ann.user, name="laptop", now=utc_now())

        for text in (str(token.token_id), "x", "²", "9" * 40):
            page = client.post("/account/tokens", {"revoke": text}, follow=True).content.decode()

            assert "over already" in page
        assert AccessToken.objects.get(pk=token.token_id).revoked_at is None

    def test_costs_no_more_queries_for_ten_more_tokens(
        self, client: Client, people: People, django_assert_max_num_queries: object
    ) -> None:
        client.force_login(people.bob.user)
        for number in range(11):
            issue_access_token(user=people.bob.user, name=f"token {number}", now=utc_now())

        with django_assert_max_num_queries(4):  # type: ignore[operator]  # session, user, server's owner?, tokens
            page = client.get("/account/tokens").content.decode()

        assert page.count('name="revoke"') == 12
