"""Cases of tests/test_cases.py: how trackers and their neighbours let people in who had no business there."""

import base64
import contextlib
import io
import time

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client

from portal.env import BASE_DIR
from portal.logs import log_config
from tests.support.people import People
from tests.tracking.api.caller import Caller
from tests.tracking.api.portal.asker import Asker
from tracking.core.clock import utc_now
from tracking.identity.models import AccessToken, User
from tracking.identity.services import issue_sign_in_link
from tracking.runs.models import Run
from tracking.workspaces.models import RoleAssignment

INFO = "3.0/mlflow/server-info"


class TestCases:
    def test_a4_a_model_cannot_name_a_run_of_others(self, people: People) -> None:
        ann, lab = Caller(people.ann.token), Caller(People.around("lab").ann.token, "lab")
        foreign = lab.new_run()

        status, code, _ = ann.refused("logged-models", {"experiment_id": "0", "name": "m", "source_run_id": foreign})

        assert (status, code) == (404, "RESOURCE_DOES_NOT_EXIST")

    @pytest.mark.parametrize("path", ["%2531", "%252e%252e", "x", "٣", "1e0", "%2B1"])
    def test_a5_an_id_that_does_not_parse_opens_nothing(self, people: People, path: str) -> None:
        status, _ = Caller(people.bob.token).request("GET", f"2.0/mlflow-artifacts/artifacts?path={path}/r/artifacts")

        assert status in (400, 404)

    @pytest.mark.parametrize("password", ["", "x", "password1234", "123456789012", "bob"])
    def test_a10_a_password_that_is_none_is_not_set(self, client: Client, people: People, password: str) -> None:
        client.force_login(people.bob.user)

        client.post("/account", {"new_password1": password, "new_password2": password})

        assert not User.objects.get(username="bob").has_usable_password()

    def test_a10_nobody_has_a_password_to_begin_with(self, people: People) -> None:
        assert not any(user.has_usable_password() for user in User.objects.all())

    @pytest.mark.parametrize("end", ["revoked", "expired", "role removed", "disabled"])
    def test_a12_what_has_ended_opens_nothing_after_a_second(self, people: People, end: str) -> None:
        """The row is changed as another process does it: this one is not told; what it remembers lasts a second."""
        caller = Caller(people.ann.token)
        assert caller.request("GET", INFO)[0] == 200

        if end == "role removed":
            RoleAssignment.objects.filter(user=people.ann.user).delete()
        elif end == "disabled":
            User.objects.filter(username="ann").update(is_active=False)
        else:
            field = "revoked_at" if end == "revoked" else "expires_at"
            AccessToken.objects.filter(user=people.ann.user).update(
                created_at="2020-01-01T00:00Z", **{field: utc_now()}
            )
        time.sleep(1.1)

        assert caller.request("GET", INFO)[0] == (404 if end == "role removed" else 401)

    def test_a12_signing_out_ends_the_session_itself(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)
        stolen = client.cookies[settings.SESSION_COOKIE_NAME].value

        client.post("/sign-out")

        thief = Client()
        thief.cookies[settings.SESSION_COOKIE_NAME] = stolen
        assert thief.get("/account").status_code == 302

    def test_a14_unknown_tokens_are_refused_and_others_go_on(self, people: People) -> None:
        answers = [Client().get(f"/api/{INFO}", headers={"Authorization": "Bearer mlp_x"}) for _ in range(21)]

        assert [answer.status_code for answer in answers] == [401] * 20 + [429]
        assert answers[-1]["Retry-After"] == "60"
        assert Caller(people.ann.token).request("GET", INFO)[0] == 200

    @pytest.mark.parametrize("name", ["token", "access_token", "Authorization", "api_key"])
    def test_a16_a_token_in_an_address_is_none(self, people: People, name: str) -> None:
        assert Client().get(f"/api/{INFO}?{name}={people.ann.token}").status_code == 401

    def test_a16_a_link_does_not_travel_on(self, client: Client, people: People) -> None:
        secret = issue_sign_in_link(user=people.bob.user, by=None, now=utc_now())

        response = client.get(f"/sign-in/{secret}")

        assert secret not in f"{response.headers}{response.content!r}"
        assert response["Referrer-Policy"] == "same-origin"
        assert "no-store" in response["Cache-Control"]

    def test_a18_no_console_of_celery_is_shipped(self) -> None:
        assert "flower" not in (BASE_DIR / "requirements.txt").read_text().lower()


class TestSecrets:
    def test_are_nowhere_in_the_database_nor_in_the_log(self, people: People) -> None:
        with contextlib.redirect_stderr(io.StringIO()) as log:
            log_config(style="json", level="DEBUG")
        try:
            secrets = self._use_every_kind(people)
        finally:
            log_config(style=settings.ENV.log_format, level=settings.ENV.log_level)

        dump = "".join(repr(list(model._default_manager.values())) for model in apps.get_models())
        plain = base64.b64encode(f"ann:{secrets[0]}".encode()).decode()
        assert [text[:8] for text in (*secrets, plain) if text in dump or text in log.getvalue()] == []

    def _use_every_kind(self, people: People) -> list[str]:
        """Make and use a credential of each kind, rightly and wrongly; return their texts."""
        ann, browser = Asker(people.ann.personal_token()), Client()
        made = ann.done("POST", "tokens", {"name": "laptop"})["token"]
        tracking = Asker(made).done("POST", "workspaces/default/tracking-uri")["token"]
        renewed = Asker(tracking).done("POST", "workspaces/default/tracking-uri/renew")["token"]
        device = Client().post("/api/v1/login/device", {"client": "x"}, "application/json").json()["device_code"]
        link = issue_sign_in_link(user=people.bob.user, by=None, now=utc_now())
        browser.get(f"/sign-in/{link}")
        browser.get(f"/sign-in/{link}")
        password = "correct-horse-battery"
        browser.post("/account", {"new_password1": password, "new_password2": password})
        browser.post("/sign-in", {"username": "bob", "password": password})
        for token in (made, tracking):
            Caller(token).request("POST", "2.0/mlflow/runs/create", {"experiment_id": "0"})
            Caller(token).request("GET", f"2.0/mlflow/{token}")
        assert Run.objects.count() == 2
        return [ann.token, made, tracking, renewed, device, link, password, browser.session.session_key or "?"]
