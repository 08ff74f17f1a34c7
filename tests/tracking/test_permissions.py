"""Every route x method x everybody: who is let in, who is told what, and that who is not changes nothing.

One test an actor, on one state of the database: ten seconds for all of it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.apps import apps
from django.db.models import Max
from django.http import HttpResponseBase
from django.test import Client

from tests.support.people import People
from tests.tracking.permissions import OPEN, PAGES, PERSON, Place, Rule, api_table, routes_of_the_server
from tracking.core.clock import utc_now
from tracking.identity.models import AccessToken, User
from tracking.identity.services import create_user, issue_access_token
from tracking.runs.models import Experiment, Run
from tracking.runs.services import create_run
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import Permission, Role

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ACTORS = (
    "nobody",
    "expired",
    "revoked",
    "stranger",
    "reader",
    "contributor",
    "owner elsewhere",
    "owner",
    "server owner",
)
NO, READ, WRITE, ALL = None, Permission.READ, Permission.WRITE, Permission.MANAGE
# What each may do at each place; who is not here has no valid credential.
MAY: dict[str, dict[Place, Permission | None]] = {
    "stranger": {Place.WORKSPACE: NO, Place.GROUP: NO, Place.SERVER: NO},
    "reader": {Place.WORKSPACE: READ, Place.GROUP: NO, Place.SERVER: NO},
    "contributor": {Place.WORKSPACE: WRITE, Place.GROUP: NO, Place.SERVER: NO},
    "owner elsewhere": {Place.WORKSPACE: NO, Place.GROUP: NO, Place.SERVER: NO},
    "owner": {Place.WORKSPACE: ALL, Place.GROUP: NO, Place.SERVER: NO},
    "server owner": {Place.WORKSPACE: ALL, Place.GROUP: ALL, Place.SERVER: ALL},
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# The door is open, and what stands behind it says no to what this test brings along.
REFUSING = {
    "account/link": "no provider is set up",
    "account/unlink": "no provider is set up",
    "sign-in/<str:link>": "the link is made up",
    "api/v1/workspaces/<str:workspace>/tracking-uri/renew": "an access token is not renewed",
}
# Not what a request changes, but what keeps it out.
UNWATCHED = {"Attempts", "Session", "ContentType", "Permission", "Group"}


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody at the door. ``user`` None: nobody who is anybody."""

    name: str
    user: User | None
    token: str

    def may(self, rule: Rule) -> bool:
        if rule.place is Place.OPEN:
            return True
        if self.name not in MAY:
            return False
        return rule.place is Place.PERSON or (MAY[self.name][rule.place] or 0) >= rule.need

    def refusal(self, rule: Rule, *, is_api: bool) -> int:
        """Return the status of the answer to a request that the actor may not make."""
        if self.name not in MAY:
            return 401 if is_api else 302
        if rule.place in (Place.WORKSPACE, Place.GROUP) and MAY[self.name][rule.place] is None:
            return 404
        return 403


@pytest.fixture
def run(people: People) -> Run:
    """Give the addresses something to name."""
    experiment = Experiment.objects.get(workspace=people.workspace)
    return create_run(experiment=experiment, name="r", user_name="", started_at=utc_now(), tags=[])


@pytest.fixture
def actor(people: People, request: pytest.FixtureRequest) -> Actor:
    """Return somebody with the rights that the name says."""
    now = utc_now()
    name = request.param
    users = {"stranger": people.cleo.user, "reader": people.bob.user, "owner": people.ann.user}
    user = users.get(name) or (create_user(username="dora", by=None, now=now) if name in MAY else people.ann.user)
    if name == "contributor":
        assign_role(user=user, role=Role.CONTRIBUTOR, workspace=people.workspace, by=None, now=now)
    if name == "owner elsewhere":
        assign_role(user=user, role=Role.OWNER, workspace=People.around("lab").workspace, by=None, now=now)
    if name == "server owner":
        assign_role(user=user, role=Role.OWNER, by=None, now=now)
    issued = issue_access_token(user=user, name="test", now=now)
    if name == "expired":
        AccessToken.objects.filter(pk=issued.token_id).update(
            created_at="2020-01-01T00:00Z", expires_at="2020-01-02T00:00Z"
        )
    if name == "revoked":
        AccessToken.objects.filter(pk=issued.token_id).update(revoked_at=now)
    return Actor(name, user if name in MAY else None, "" if name == "nobody" else issued.text)


def whole_table() -> Iterator[tuple[str, str, Rule, bool]]:
    """Yield pattern, method, rule, and whether it is the API's."""
    for table, is_api in ((api_table(), True), (PAGES, False)):
        for pattern, rules in table.items():
            for method, rule in rules.items():
                yield pattern, method, rule, is_api


def url_of(pattern: str, run: Run) -> str:
    """Return an address that names workspace and group ``default`` and the run, and else nothing that exists."""
    names = {"<str:workspace>": "default", "<str:group>": "default", "<str:uid>": run.uid}
    names["<int:experiment_id>"] = str(run.experiment_id)
    for placeholder, name in names.items():
        pattern = pattern.replace(placeholder, name)
    parts = [part if "<" not in part else ("9" if "<int:" in part else "x-1") for part in pattern.split("/")]
    return "/" + "/".join(parts)


def ask(actor: Actor, method: str, url: str, *, is_api: bool, number: int) -> HttpResponseBase:
    """Send an empty request: to the API with the token, to a page with a session. Each from an address of its own."""
    client = Client(
        raise_request_exception=False, REMOTE_ADDR=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    )
    headers = {}
    if is_api and actor.token:
        headers["Authorization"] = f"Bearer {actor.token}"
    if not is_api and actor.user is not None:
        client.force_login(actor.user)
    body = "{}" if is_api else ""
    kind = "application/json" if is_api else "application/x-www-form-urlencoded"
    return client.generic(method, url, body, content_type=kind, headers=headers)


def fingerprint() -> dict[str, tuple[int, object]]:
    """Return how many rows each table has, and the newest."""
    return {
        model.__name__: (model._default_manager.count(), model._default_manager.aggregate(newest=Max("pk"))["newest"])
        for model in apps.get_models()
        if model.__name__ not in UNWATCHED
    }


def is_hardened(response: HttpResponseBase) -> bool:
    """Tell whether an answer says to browsers what every answer must, and its cookies are for this server's pages."""
    headers = response.headers
    return (
        all(headers.get(name) == value for name, value in HEADERS.items())
        and ("frame-ancestors" in headers.get("Content-Security-Policy", "") or not is_page(response))
        and "camera=()" in headers.get("Permissions-Policy", "")
        and headers.get("Access-Control-Allow-Origin") is None
        and all(
            cookie["httponly"] and cookie["samesite"] == "Lax" for cookie in response.cookies.values() if cookie.value
        )
    )


def is_page(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/html") and response.status_code < 300


def is_refused(response: HttpResponseBase) -> bool:
    if response.status_code in (401, 403):
        return True
    return response.status_code == 302 and response["Location"].startswith("/sign-in?next=")


class TestTable:
    def test_has_every_route_of_the_server_and_no_other(self) -> None:
        assert set(routes_of_the_server()) == set(api_table()) | set(PAGES)

    def test_has_no_route_that_is_open_without_a_reason(self) -> None:
        opened = {pattern for pattern, _, rule, _ in whole_table() if rule == OPEN}

        reasons = {
            "health, version": {
                f"{place}{name}" for place in ("", "w/<str:workspace>/") for name in ("health", "version")
            },
            "coming in and going out": {"sign-in", "sign-in/<str:link>", "sign-out"},
            "another provider signs in": {"sign-in/with/<str:provider_id>", "sign-in/with/<str:provider_id>/back"},
            "programs coming in": {"api/v1/login/device", "api/v1/login/device/token"},
            "what the server is": {"api/v1/server", "api/v1/schema"},
            "the sign-in page's language": {"language", "words.js"},
        }
        assert opened == set().union(*reasons.values())


@pytest.mark.parametrize("actor", ACTORS, indirect=True)
class TestEverybody:
    def test_is_refused_where_the_table_says_so_and_changes_nothing(self, actor: Actor, run: Run) -> None:
        before, wrong = fingerprint(), []

        for number, (pattern, method, rule, is_api) in enumerate(whole_table()):
            if not actor.may(rule):
                response = ask(actor, method, url_of(pattern, run), is_api=is_api, number=number)
                if not is_hardened(response):
                    wrong.append(f"{method} {pattern}: {response.headers}")
                if response.status_code != actor.refusal(rule, is_api=is_api):
                    wrong.append(f"{method} {pattern}: {response.status_code}")

        assert wrong == []
        assert fingerprint() == before

    def test_is_let_in_where_the_table_says_so(self, actor: Actor, run: Run) -> None:
        wrong = []

        for number, (pattern, method, rule, is_api) in enumerate(whole_table()):
            if actor.may(rule) and pattern not in REFUSING:
                response = ask(actor, method, url_of(pattern, run), is_api=is_api, number=number)
                if not is_hardened(response):
                    wrong.append(f"{method} {pattern}: {response.headers}")
                if is_refused(response) or response.status_code in (405, 500) or _is_hidden(response):
                    wrong.append(f"{method} {pattern}: {response.status_code}")

        assert wrong == []


@pytest.mark.parametrize("actor", ["server owner"], indirect=True)
def test_a_method_that_is_not_in_the_table_does_nothing(actor: Actor, run: Run) -> None:
    listed = {(pattern, method) for pattern, method, _, _ in whole_table()}
    catch_all = {
        pattern for pattern, rules in api_table().items() if PERSON in rules.values() and pattern[:7] != "api/v1/"
    }
    before, wrong = fingerprint(), []

    for number, pattern in enumerate({pattern for pattern, _ in listed} - catch_all):
        for method in METHODS:
            if (pattern, method) not in listed:
                is_api = pattern not in PAGES
                status = ask(actor, method, url_of(pattern, run), is_api=is_api, number=number).status_code
                if status != 405:
                    wrong.append(f"{method} {pattern}: {status}")

    assert wrong == []
    assert fingerprint() == before


def _is_hidden(response: HttpResponseBase) -> bool:
    """Tell whether the API says that there is no such workspace or group."""
    if response.status_code != 404 or response.get("Content-Type") != "application/json":
        return False
    message = json.loads(getattr(response, "content", b"{}")).get("message", "")
    return message in ("Workspace 'default' not found.", "Resource group 'default' not found.")
