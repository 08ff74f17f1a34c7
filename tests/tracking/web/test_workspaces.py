"""The page of a workspace."""

import html
import re

from django.conf import settings
from django.test import Client

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.identity.queries import credential_by_token


class TestWorkspaceDetail:
    def test_shows_the_tracking_uri_without_a_token(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        page = client.get("/w/default/").content.decode()

        assert f'tabindex="0">{settings.PORTAL_URL}/w/default</pre>' in page
        assert "mlp_" not in page

    def test_makes_a_token_for_this_person_and_workspace(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        response = client.post("/w/default/")

        page = html.unescape(response.content.decode())
        host = settings.PORTAL_URL.removeprefix("http://")
        token = re.search(rf"http://bob:(mlp_\w+)@{re.escape(host)}/w/default", page)
        assert token is not None
        credential = credential_by_token(text=token[1], now=utc_now())
        assert credential.user == people.bob.user
        assert credential.workspace_id == people.workspace.pk
        assert "no-store" in response["Cache-Control"]

    def test_shows_a_token_once(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)
        client.post("/w/default/")

        assert "mlp_" not in client.get("/w/default/").content.decode()

    def test_makes_no_token_for_a_form_from_elsewhere(self, people: People) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(people.bob.user)

        assert client.post("/w/default/").status_code == 403

    def test_is_found_without_the_last_slash(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        assert client.get("/w/default")["Location"] == "/w/default/"

    def test_tells_the_script_which_workspace_the_links_of_mlflow_mean(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        assert 'data-workspace="default"' in client.get("/w/default/").content.decode()

    def test_looks_to_a_stranger_as_if_it_did_not_exist(self, client: Client, people: People) -> None:
        client.force_login(people.cleo.user)

        foreign, unknown = client.get("/w/default/"), client.get("/w/nowhere/")

        assert foreign.status_code == unknown.status_code == 404
        assert client.post("/w/default/").status_code == 404
