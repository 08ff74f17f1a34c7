"""Who asks, with which token, and how tokens are made, renewed and ended."""

import base64
from datetime import timedelta

import pytest
from django.test import Client

from tests.support.people import People
from tests.tracking.api.portal.asker import Asker
from tracking.core.clock import utc_now
from tracking.identity.models import AccessToken, DeviceLogin, User
from tracking.identity.services import decide_device_login
from tracking.identity.types import Scope
from tracking.runs.models import Experiment
from tracking.runs.services import create_run

URI = "workspaces/default/tracking-uri"


def mlflow_status(
    token: str, method: str = "GET", path: str = "3.0/mlflow/server-info", workspace: str = "default"
) -> int:
    """Return what MLflow's API answers to the token."""
    url = f"/w/{workspace}/api/{path}"
    return Client().generic(method, url, headers={"Authorization": f"Bearer {token}"}).status_code


class TestMe:
    def test_says_who_asks_with_which_token(self, people: People, ann: Asker) -> None:
        me = ann.done("GET", "me")

        assert me["username"] == "ann"
        assert me["roles"] == [{"role": "owner", "group": None, "workspace": "default"}]
        assert (me["token"]["kind"], me["token"]["scopes"]) == ("access", ["read", "write", "manage"])

    def test_knows_a_session_has_none(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        assert client.get("/api/v1/me").json()["token"] is None


class TestTokens:
    def test_are_made_shown_once_and_listed(self, ann: Asker) -> None:
        made = ann.done("POST", "tokens", {"name": "laptop", "scopes": ["read", "write"], "life_days": 7})

        listed = ann.done("GET", "tokens")["tokens"]
        assert mlflow_status(made["token"]) == 200
        assert (listed[0]["name"], listed[0]["scopes"]) == ("laptop", ["read", "write"])
        assert made["token"] not in str(listed)
        assert made["token"].endswith(listed[0]["hint"])

    @pytest.mark.parametrize(
        "body",
        [{"name": ""}, {"name": "x" * 201}, {"name": "x", "scopes": ["root"]}, {"name": "x", "life_days": 0},
         {"name": "x", "life_days": 10**9}],
    )  # fmt: skip
    def test_are_not_made_of_nonsense(self, ann: Asker, body: dict[str, object]) -> None:
        before = AccessToken.objects.count()

        assert ann.refused("POST", "tokens", body)[:2] == (400, "INVALID_PARAMETER_VALUE")
        assert AccessToken.objects.count() == before

    def test_end_when_they_are_revoked_with_what_they_made(
        self, ann: Asker, django_capture_on_commit_callbacks: object
    ) -> None:
        made = ann.done("POST", "tokens", {"name": "laptop"})
        tracking = Asker(made["token"]).done("POST", URI)["token"]
        assert mlflow_status(tracking) == 200

        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            assert ann.ask("DELETE", f"tokens/{made['id']}") == (204, None)

        assert [mlflow_status(token) for token in (made["token"], tracking)] == [401, 401]
        assert ann.refused("DELETE", f"tokens/{made['id']}")[0] == 404

    @pytest.mark.parametrize("token_id", ["x", "0", "9" * 30, "-1", "²"])
    def test_that_do_not_exist_are_404(self, ann: Asker, token_id: str) -> None:
        assert ann.refused("DELETE", f"tokens/{token_id}")[0] == 404

    def test_of_others_are_as_if_they_were_not(self, people: People, ann: Asker, bob: Asker) -> None:
        made = ann.done("POST", "tokens", {"name": "laptop"})

        assert bob.refused("DELETE", f"tokens/{made['id']}")[0] == 404
        assert mlflow_status(made["token"]) == 200

    @pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE])
    def test_need_the_scope_manage(self, people: People, scope: Scope) -> None:
        narrow = Asker(people.ann.personal_token(scope=scope))

        status, code, message = narrow.refused("POST", "tokens", {"name": "more"})

        assert (status, code) == (403, "PERMISSION_DENIED")
        assert message == f"The token has the scope {scope}, which does not permit manage."

    def test_note_when_they_were_used_last(self, ann: Asker) -> None:
        ann.done("GET", "me")

        assert ann.done("GET", "tokens")["tokens"][0]["last_used_at"] is not None

    def test_make_none_that_outlives_them(self, people: People, ann: Asker) -> None:
        AccessToken.objects.filter(kind="access").update(expires_at=utc_now() + timedelta(hours=2))

        made = ann.done("POST", "tokens", {"name": "long", "life_days": 300})

        assert AccessToken.objects.get(pk=made["id"]).expires_at <= utc_now() + timedelta(hours=2)


class TestTrackingUri:
    def test_is_what_mlflow_is_given(self, people: People, ann: Asker) -> None:
        made = ann.done("POST", URI, {"life_s": 60})

        assert made["tracking_uri"].endswith("/w/default")
        assert made["token"] not in made["tracking_uri"]
        assert made["uri_with_token"].endswith(f"://ann:{made['token']}@" + made["tracking_uri"].partition("://")[2])
        assert 50 < made["expires_at_s"] - utc_now().timestamp() <= 60
        assert mlflow_status(made["token"]) == 200
        assert mlflow_status(made["token"], workspace="lab") == 404

    @pytest.mark.parametrize("life_s", [0, -1, 3601, 10**12])
    def test_lives_an_hour_at_most(self, ann: Asker, life_s: int) -> None:
        assert ann.refused("POST", URI, {"life_s": life_s})[0] == 400

    def test_is_renewed_by_its_own_token(self, ann: Asker) -> None:
        made = ann.done("POST", URI)

        again = Asker(made["token"]).done("POST", f"{URI}/renew", {"life_s": 30})

        assert again["token"] != made["token"]
        assert [mlflow_status(one["token"]) for one in (made, again)] == [200, 200]

    def test_is_not_made_by_a_tracking_token(self, people: People) -> None:
        assert Asker(people.ann.token).refused("POST", URI)[0] == 403

    def test_is_not_renewed_by_another_credential_or_without_a_parent(self, people: People, ann: Asker) -> None:
        assert ann.refused("POST", f"{URI}/renew")[0] == 403
        assert Asker(people.ann.token).refused("POST", f"{URI}/renew")[:2] == (401, "UNAUTHENTICATED")

    def test_of_a_reader_reads(self, people: People, bob: Asker) -> None:
        token = bob.done("POST", URI)["token"]

        assert mlflow_status(token) == 200
        assert mlflow_status(token, "POST", "2.0/mlflow/experiments/create") == 403

    def test_for_a_run_that_is_elsewhere_is_404(self, people: People, ann: Asker) -> None:
        lab = People.around("lab").workspace
        run = create_run(
            experiment=Experiment.objects.get(workspace=lab), name="", user_name="", started_at=utc_now(), tags=[]
        )

        assert ann.refused("POST", URI, {"run_id": run.uid})[:2] == (404, "RESOURCE_DOES_NOT_EXIST")

    def test_that_expired_says_when_and_what_to_call(self, people: People, ann: Asker) -> None:
        made = ann.done("POST", URI)
        AccessToken.objects.filter(kind="tracking").update(
            created_at="2020-01-01T00:00Z", expires_at="2020-01-01T01:00Z"
        )
        basic = base64.b64encode(f"ann:{made['token']}".encode()).decode()

        response = Client().get("/w/default/api/3.0/mlflow/server-info", headers={"Authorization": f"Basic {basic}"})

        assert (response.status_code, response.json()["error_code"]) == (401, "UNAUTHENTICATED")
        assert response.json()["message"].startswith(
            "The tracking URI expired at 2020-01-01 01:00:00 UTC. Call ws.get_mlflow_tracking_uri(), "
        )


class TestDeviceLogin:
    def ask(self, path: str, body: dict[str, str]) -> tuple[int, dict[str, str]]:
        response = Client().post(f"/api/v1/login/{path}", body, "application/json")
        return response.status_code, response.json()

    def later(self) -> None:
        """Let the program wait as long as it must."""
        DeviceLogin.objects.update(asked_at=None)

    def test_gives_a_token_once_a_person_has_approved(self, people: People) -> None:
        _, asked = self.ask("device", {"client": "mlportal CLI on box"})
        code = {"device_code": asked["device_code"]}

        pending = self.ask("device/token", code)
        too_soon = self.ask("device/token", code)
        decide_device_login(user_code=asked["user_code"].lower(), is_approved=True, by=people.bob.user, now=utc_now())
        status, given = self.ask("device/token", code)
        again = self.ask("device/token", code)

        assert (pending[0], pending[1]["error_code"]) == (400, "AUTHORIZATION_PENDING")
        assert (too_soon[0], too_soon[1]["error_code"]) == (400, "SLOW_DOWN")
        assert (status, given["username"]) == (200, "bob")
        assert Asker(given["token"]).done("GET", "me")["token"]["name"] == "mlportal CLI on box"
        assert (again[0], again[1]["error_code"]) == (400, "EXPIRED_TOKEN")
        assert asked["device_code"] not in repr(list(DeviceLogin.objects.values()))

    def test_gives_none_when_it_is_denied_or_over_or_made_up(self, people: People) -> None:
        _, denied = self.ask("device", {})
        decide_device_login(user_code=denied["user_code"], is_approved=False, by=people.bob.user, now=utc_now())
        _, late = self.ask("device", {})
        DeviceLogin.objects.filter(state="asked").update(expires_at=utc_now())

        answers = [self.ask("device/token", {"device_code": code["device_code"]}) for code in (denied, late)]
        made_up = self.ask("device/token", {"device_code": "x"})

        assert [answer["error_code"] for _, answer in (*answers, made_up)] == [
            "ACCESS_DENIED",
            "EXPIRED_TOKEN",
            "EXPIRED_TOKEN",
        ]

    def test_gives_none_for_somebody_disabled_meanwhile(self, people: People) -> None:
        _, asked = self.ask("device", {})
        decide_device_login(user_code=asked["user_code"], is_approved=True, by=people.bob.user, now=utc_now())
        User.objects.filter(username="bob").update(is_active=False)

        assert self.ask("device/token", {"device_code": asked["device_code"]})[1]["error_code"] == "ACCESS_DENIED"

    def test_cannot_be_asked_for_without_end(self, people: People) -> None:
        statuses = [self.ask("device", {})[0] for _ in range(31)]

        assert statuses == [200] * 30 + [429]
