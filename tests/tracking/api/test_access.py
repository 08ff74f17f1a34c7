"""Every route x everybody: generated from the route table, so that a new route is asked too."""

import base64
import re

import pytest
from django.test import Client
from django.urls import URLResolver
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tests.tracking.api.caller import Caller
from tracking.api import urls
from tracking.api.urls import ROUTES
from tracking.core.clock import utc_now
from tracking.identity.models import AccessToken, User
from tracking.runs.models import Experiment
from tracking.workspaces.types import Permission

EVERY = [(route.method, re.sub(r"<\w+:\w+>", "x", route.path)) for route in ROUTES]
WRITING = [(route.method, re.sub(r"<\w+:\w+>", "x", route.path)) for route in ROUTES if route.need > Permission.READ]


class TestEveryRoute:
    @pytest.mark.parametrize(("method", "path"), EVERY)
    def test_asks_for_a_token_at_every_place(self, people: People, method: str, path: str) -> None:
        for place in ("", "w/default/"):
            for root in ("api", "ajax-api"):
                response = Client().generic(method, f"/{place}{root}/{path}")

                assert response.status_code == 401
                assert response.json()["error_code"] == "UNAUTHENTICATED"
                assert response["WWW-Authenticate"] == 'Basic realm="mlportal"'

    @pytest.mark.parametrize(("method", "path"), EVERY)
    def test_tells_a_stranger_nothing(self, people: People, method: str, path: str) -> None:
        of_stranger = Caller(people.cleo.token).request(method, path)
        of_nothing = Caller(people.ann.token, "nothing").request(method, path)

        assert of_stranger == (
            404,
            {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Workspace 'default' not found."},
        )
        assert of_nothing[1]["message"] == "Workspace 'nothing' not found."

    @pytest.mark.parametrize(("method", "path"), WRITING)
    def test_refuses_a_reader_who_writes(self, people: People, method: str, path: str) -> None:
        before = Experiment.objects.count()

        status, answer = Caller(people.bob.token).request(method, path, {})

        assert (status, answer["error_code"]) == (403, "PERMISSION_DENIED")
        assert Experiment.objects.count() == before

    @pytest.mark.parametrize(("method", "path"), EVERY)
    def test_answers_nonsense_without_a_server_error(self, people: People, method: str, path: str) -> None:
        for body in (b"", b"{", b"[]", b'{"run_id": {"a": 1}}', b'{"experiment_id": [[]], "max_results": "x"}'):
            status, answer = Caller(people.ann.token).request(method, path, body)

            assert status < 500 or answer["error_code"] == "NOT_IMPLEMENTED"

    def test_is_in_the_table(self) -> None:
        below_api = {
            str(pattern.pattern)
            for resolver in urls.urlpatterns
            if isinstance(resolver, URLResolver) and str(resolver.pattern) == "api/"
            for pattern in resolver.url_patterns
        }

        assert below_api == {route.path for route in ROUTES} | {"<path:rest>"}


class TestToken:
    def test_comes_as_bearer_or_as_any_users_password(self, people: People) -> None:
        basic = base64.b64encode(f"anyone:{people.ann.token}".encode()).decode()

        for header in (f"Bearer {people.ann.token}", f"Basic {basic}"):
            response = Client().get("/api/3.0/mlflow/server-info", headers={"Authorization": header})

            assert response.status_code == 200

    @pytest.mark.parametrize("header", ["Bearer", "Basic ###", "Basic Zm9v", "Bearer mlp_" + "0" * 46, "Digest x"])
    def test_that_is_none_is_refused(self, people: People, header: str) -> None:
        assert Client().get("/api/3.0/mlflow/server-info", headers={"Authorization": header}).status_code == 401

    def test_in_the_query_or_a_cookie_counts_for_nothing(self, people: People) -> None:
        client = Client()
        client.force_login(people.ann.user)

        assert client.get(f"/api/3.0/mlflow/server-info?token={people.ann.token}").status_code == 401

    @pytest.mark.parametrize("change", [{"expires_at": utc_now()}, {"revoked_at": utc_now()}])
    def test_ends_when_it_expires_or_is_revoked(self, people: People, change: dict[str, object]) -> None:
        AccessToken.objects.filter(user=people.ann.user).update(created_at="2020-01-01T00:00Z", **change)

        assert Caller(people.ann.token).request("GET", "3.0/mlflow/server-info")[0] == 401

    def test_that_was_revoked_is_refused_for_that_however_often_it_comes(self, people: People) -> None:
        AccessToken.objects.filter(user=people.ann.user).update(revoked_at=utc_now())

        statuses = {Caller(people.ann.token).request("GET", "3.0/mlflow/server-info")[0] for _ in range(40)}

        assert statuses == {401}  # a 429 would be tried again by the client for minutes

    def test_that_is_mistyped_costs_no_query(
        self, people: People, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        token = people.ann.token
        wrong = [token[:-1] + ("0" if token[-1] != "0" else "1"), token[:10] + token[11:], token.upper(), f"{token}x"]

        for text in wrong:
            with django_assert_num_queries(0):
                status, answer = Caller(text).request("GET", "3.0/mlflow/server-info")

            assert (status, answer["error_code"]) == (401, "UNAUTHENTICATED")
            assert text not in answer["message"]

    def test_alone_counts_whatever_cookies_come_along(self, people: People) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(people.bob.user)
        path, json = "/api/2.0/mlflow/experiments/create", "application/json"

        with_cookie = client.post(path, {"name": "a"}, content_type=json)
        with_both = client.post(path, {"name": "b"}, content_type=json, headers=people.ann.headers)

        assert with_cookie.status_code == 401
        assert with_both.status_code == 200
        assert list(Experiment.objects.exclude(is_default=True).values_list("name", flat=True)) == ["b"]

    def test_that_expired_says_when_and_how_to_get_another(self, people: People) -> None:
        AccessToken.objects.filter(user=people.ann.user).update(
            created_at="2020-01-01T00:00Z", expires_at="2020-01-01T01:00Z"
        )

        _, answer = Caller(people.ann.token).request("GET", "3.0/mlflow/server-info")

        assert answer["message"].startswith(
            "The tracking URI expired at 2020-01-01 01:00:00 UTC. Call ws.get_mlflow_tracking"
        )

    def test_ends_with_its_owner(self, people: People) -> None:
        User.objects.filter(pk=people.ann.user.pk).update(is_active=False)

        assert Caller(people.ann.token).request("GET", "3.0/mlflow/server-info")[0] == 401

    def test_is_not_kept_in_clear(self, people: People) -> None:
        kept = AccessToken.objects.get(user=people.ann.user)

        assert people.ann.token.encode() not in bytes(kept.digest)
        assert len(kept.digest) == 32


class TestWorkspace:
    def test_is_chosen_by_the_header_at_the_root(self, people: People) -> None:
        other = People.around("lab")

        def ask(token: str, header: str) -> int:
            headers = {"Authorization": f"Bearer {token}", "X-MLFLOW-WORKSPACE": header}
            return Client().get("/api/2.0/mlflow/experiments/get?experiment_id=0", headers=headers).status_code

        assert ask(other.ann.token, "lab") == 200
        assert ask(other.ann.token, "") == 404
        assert ask(people.ann.token, "lab") == 404
        assert ask(people.ann.token, "default") == 200

    def test_must_not_be_named_twice_differently(self, ann: Caller) -> None:
        status, answer = ann.request("GET", "3.0/mlflow/server-info", **{"X-MLFLOW-WORKSPACE": "lab"})

        assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")

    def test_keeps_its_objects_to_itself(self, people: People) -> None:
        ann, lab = Caller(people.ann.token), Caller(People.around("lab").ann.token, "lab")
        run = lab.new_run()

        for path in ("runs/log-metric", "runs/delete", "runs/set-tag"):
            body = {"run_id": run, "key": "k", "value": "1", "timestamp": 1}
            assert ann.refused(path, body) == (404, "RESOURCE_DOES_NOT_EXIST", f"Run with id={run} not found")
        assert ann.post("runs/search", {"experiment_ids": [str(n) for n in range(100)]}) == {}

    @pytest.mark.parametrize("header", ["*", "lab, default", "默认", "../default", "DEFAULT", "x" * 300, "a\0b"])
    def test_in_the_header_must_be_one_name(self, people: People, header: str) -> None:
        headers = {**people.ann.headers, "X-MLFLOW-WORKSPACE": header}

        response = Client(raise_request_exception=False).get("/api/3.0/mlflow/server-info", headers=headers)

        assert (response.status_code, response.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")

    def test_in_the_header_must_be_that_of_the_token(self, people: People) -> None:
        People.around("lab")
        headers = {**people.ann.headers, "X-MLFLOW-WORKSPACE": "lab"}

        for method, path in EVERY:
            assert Client().generic(method, f"/api/{path}", headers=headers).status_code == 404


class TestElsewhere:
    @pytest.mark.parametrize("path", ["api/2.0/mlflow/webhooks", "graphql", "v1/traces", "get-artifact"])
    def test_what_mlflow_has_and_we_do_not_is_404_in_its_json(self, people: People, path: str) -> None:
        headers = {"Authorization": f"Bearer {people.ann.token}"}

        for place in ("/", "/w/default/"):
            response = Client().post(f"{place}{path}", headers=headers)

            assert (response.status_code, response.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
