"""Every route of the REST API v1 x everybody: generated from the route table, so that a new route is asked too."""

import re

import pytest
from django.test import Client

from tests.support.people import People
from tests.tracking.api.portal.asker import Asker
from tracking.api.portal import urls
from tracking.api.portal.base import Place, Route
from tracking.api.portal.urls import PREFIX, ROUTES
from tracking.audit.models import AuditEvent
from tracking.core.clock import utc_now
from tracking.workspaces.models import Lock
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import LockLevel, Permission, Role

CLOSED = [route for route in ROUTES if route.access.place is not Place.OPEN]
ABOUT = {
    place: [route for route in ROUTES if route.access.place is place]
    for place in (Place.SERVER, Place.GROUP, Place.WORKSPACE)
}
INSIDE = ABOUT[Place.GROUP] + ABOUT[Place.WORKSPACE]
CHANGING = [route for route in CLOSED if route.access.need > Permission.READ and route.access.place is not Place.PERSON]
UNSAFE = [route for route in CLOSED if route.method != "GET"]


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def path_of(route: Route, *, name: str = "default") -> str:
    """Return an address that names workspace or group ``default``; what else it names does not exist."""
    return re.sub(r"<\w+:\w+>", "x-1", re.sub(r"<str:(group|workspace)>", name, route.path))


def url_of(route: Route) -> str:
    return f"/{PREFIX}{path_of(route)}"


@pytest.fixture
def inside(people: People) -> People:
    """Ann owns and Bob reads the group, too: workspaces inherit, and so every route is open to them."""
    for person, role in ((people.ann, Role.OWNER), (people.bob, Role.READER)):
        assign_role(user=person.user, role=role, group=people.workspace.group, by=None, now=utc_now())
    return people


class TestEveryRoute:
    @pytest.mark.parametrize("route", CLOSED, ids=name_of)
    def test_asks_who_one_is(self, people: People, route: Route) -> None:
        response = Client().generic(route.method, url_of(route))

        assert (response.status_code, response.json()["error_code"]) == (401, "UNAUTHENTICATED")
        assert response["WWW-Authenticate"] == 'Bearer realm="mlportal"'

    @pytest.mark.parametrize("route", INSIDE, ids=name_of)
    def test_tells_a_stranger_nothing(self, people: People, cleo: Asker, route: Route) -> None:
        of_stranger = cleo.refused(route.method, path_of(route), {})
        of_nothing = cleo.refused(route.method, path_of(route, name="nothing"), {})

        assert of_stranger[:2] == (404, "RESOURCE_DOES_NOT_EXIST")
        assert of_stranger[2].replace("default", "nothing") == of_nothing[2]

    @pytest.mark.parametrize("route", CHANGING, ids=name_of)
    def test_refuses_a_reader_who_changes(self, inside: People, bob: Asker, route: Route) -> None:
        before = AuditEvent.objects.count()

        assert bob.refused(route.method, path_of(route), {})[:2] == (403, "PERMISSION_DENIED")
        assert AuditEvent.objects.count() == before

    @pytest.mark.parametrize("route", ABOUT[Place.SERVER], ids=name_of)
    def test_about_the_server_refuses_who_has_no_role_on_it(self, inside: People, ann: Asker, route: Route) -> None:
        assert ann.refused(route.method, path_of(route), {})[:2] == (403, "PERMISSION_DENIED")

    @pytest.mark.parametrize("route", INSIDE, ids=name_of)
    def test_under_a_lock_refuses_changes_but_of_locks_and_members(
        self, inside: People, ann: Asker, route: Route
    ) -> None:
        Lock.objects.create(
            name="audit", level=LockLevel.READ_ONLY, group=inside.workspace.group, created_at=utc_now(), created_by="x"
        )

        status, answer = ann.ask(route.method, path_of(route), {})

        is_refused = status == 403 and "ReadOnly lock 'audit' on resource group 'default'" in answer["message"]
        assert is_refused == (route.access.need > Permission.READ and not route.access.despite_lock)

    @pytest.mark.parametrize("route", ABOUT[Place.GROUP] + ABOUT[Place.SERVER], ids=name_of)
    def test_is_closed_to_a_tracking_token_but_for_its_workspace(self, inside: People, route: Route) -> None:
        assert Asker(inside.ann.token).refused(route.method, path_of(route), {})[0] in (403, 404)

    @pytest.mark.parametrize(
        "route", [route for route in CHANGING if route.access.need is Permission.MANAGE], ids=name_of
    )
    def test_lets_nobody_manage_with_a_tracking_token(self, inside: People, route: Route) -> None:
        assert Asker(inside.ann.token).refused(route.method, path_of(route), {})[0] in (403, 404)

    @pytest.mark.parametrize("route", ROUTES, ids=name_of)
    def test_answers_nonsense_without_a_server_error(self, inside: People, ann: Asker, route: Route) -> None:
        for body in (b"", b"{", b"[]", b'{"name": {"a": 1}, "tags": [[]]}', b'{"tags": {"a": {}}, "max_results": "x"}'):
            assert ann.ask(route.method, path_of(route), body)[0] < 500
        assert ann.ask(route.method, f"{path_of(route)}?page_token=x&max_results=0")[0] < 500

    def test_is_in_the_table(self) -> None:
        assert {str(pattern.pattern) for pattern in urls.urlpatterns} == {route.path for route in ROUTES}


class TestSession:
    def test_is_as_good_as_a_token_to_read(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        assert client.get("/api/v1/workspaces/default").json()["my_role"] == "reader"

    def test_of_somebody_disabled_is_none(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)
        people.bob.user.is_active = False
        people.bob.user.save()

        assert client.get("/api/v1/workspaces/default").status_code == 401

    @pytest.mark.parametrize("route", UNSAFE, ids=name_of)
    def test_changes_nothing_from_a_foreign_page(self, inside: People, route: Route) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(inside.ann.user)
        before = AuditEvent.objects.count()

        for content_type in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
            response = client.generic(route.method, url_of(route), b"{}", content_type=content_type)

            assert (response.status_code, response.json()["error_code"]) == (403, "PERMISSION_DENIED")
        assert AuditEvent.objects.count() == before

    def test_changes_with_the_csrf_token_of_a_page(self, inside: People) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(inside.ann.user)
        page = client.get("/groups/default").content.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token is not None

        response = client.patch(
            "/api/v1/groups/default",
            {"description": "Robots"},
            content_type="application/json",
            headers={"X-CSRFToken": token[1]},
        )

        assert (response.status_code, response.json()["description"]) == (200, "Robots")

    def test_does_not_stand_in_for_a_token_that_is_none(self, client: Client, people: People) -> None:
        client.force_login(people.ann.user)

        assert client.get("/api/v1/groups", headers={"Authorization": "Bearer x"}).status_code == 401


class TestMethod:
    def test_that_a_path_does_not_have_is_405(self, ann: Asker) -> None:
        assert ann.refused("DELETE", "groups")[:2] == (405, "ENDPOINT_NOT_FOUND")

    def test_in_a_header_counts_for_nothing(self, people: People, ann: Asker) -> None:
        response = Client().get(
            "/api/v1/groups", headers={"Authorization": f"Bearer {ann.token}", "X-HTTP-Method-Override": "POST"}
        )

        assert response.status_code == 200
