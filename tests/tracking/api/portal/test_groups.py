"""Resource groups by the REST API."""

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from tests.support.people import People
from tests.tracking.api.portal.asker import Asker
from tracking.audit.models import AuditEvent
from tracking.core.clock import utc_now
from tracking.workspaces.models import ResourceGroup
from tracking.workspaces.services import assign_role, create_group
from tracking.workspaces.types import Role


@pytest.fixture
def owner(people: People) -> Asker:
    """Ann owns the server."""
    assign_role(user=people.ann.user, role=Role.OWNER, by=None, now=utc_now())
    return Asker.of(people.ann.user)


class TestCreate:
    def test_answers_201_with_the_group(self, owner: Asker) -> None:
        status, made = owner.ask("POST", "groups", {"name": "lab", "description": "Robots", "tags": {"team": "r"}})

        assert status == 201
        assert made == owner.done("GET", "groups/lab")
        assert {key: made[key] for key in made if key != "created_at"} == {
            "name": "lab",
            "description": "Robots",
            "tags": {"team": "r"},
            "state": "active",
            "deletion": None,
            "workspaces": [],
            "locks": [],
            "my_role": "owner",
        }

    def test_is_for_owners_of_the_server(self, people: People) -> None:
        assign_role(user=people.bob.user, role=Role.CONTRIBUTOR, by=None, now=utc_now())

        assert Asker.of(people.bob.user).refused("POST", "groups", {"name": "lab"})[0] == 403
        assert not ResourceGroup.objects.filter(name="lab").exists()

    def test_refuses_a_taken_name(self, owner: Asker) -> None:
        assert owner.refused("POST", "groups", {"name": "default"})[:2] == (400, "RESOURCE_ALREADY_EXISTS")

    def test_ends_at_the_limit_of_the_server(self, owner: Asker, settings: Settings) -> None:
        settings.MAX_GROUPS = 2
        owner.done("POST", "groups", {"name": "lab"})

        assert owner.refused("POST", "groups", {"name": "bal"})[:2] == (403, "QUOTA_EXCEEDED")

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": "UPPER"},
            {"name": "lab", "description": "x" * 1001},
            {"name": "lab", "description": "a\0b"},
            {"name": "lab", "tags": [1]},
            {"name": "lab", "tags": {"k": 1}},
            {"name": "lab", "tags": {"": "v"}},
            {"name": "lab", "tags": {"k": "v" * 257}},
            {"name": "lab", "tags": {str(number): "v" for number in range(51)}},
        ],
    )
    def test_refuses_what_breaks_a_rule(self, owner: Asker, body: object) -> None:
        assert owner.refused("POST", "groups", body)[:2] == (400, "INVALID_PARAMETER_VALUE")


class TestUpdate:
    def test_sets_what_is_given_and_keeps_the_rest(self, owner: Asker) -> None:
        owner.done("POST", "groups", {"name": "lab", "description": "Robots", "tags": {"team": "r"}})

        changed = owner.done("PATCH", "groups/lab", {"tags": {"team": "s"}})

        assert (changed["description"], changed["tags"]) == ("Robots", {"team": "s"})

    def test_renames_with_all_that_is_inside(self, owner: Asker) -> None:
        owner.done("PATCH", "groups/default", {"name": "lab"})

        assert owner.done("GET", "groups/lab")["workspaces"] == ["default"]
        assert owner.ask("GET", "groups/default")[0] == 404
        assert owner.done("GET", "workspaces/default")["group"] == "lab"

    def test_refuses_a_taken_name_and_nothing_at_all(self, owner: Asker) -> None:
        owner.done("POST", "groups", {"name": "lab"})
        before = AuditEvent.objects.count()

        assert owner.refused("PATCH", "groups/lab", {"name": "default"})[:2] == (400, "RESOURCE_ALREADY_EXISTS")
        assert owner.refused("PATCH", "groups/lab", {})[:2] == (400, "INVALID_PARAMETER_VALUE")
        assert AuditEvent.objects.count() == before


class TestList:
    def test_has_those_in_which_one_has_a_role(self, people: People, owner: Asker, bob: Asker) -> None:
        for name in ("b-lab", "a-lab"):
            group = create_group(name=name, by=None, now=utc_now())
        assign_role(user=people.bob.user, role=Role.READER, group=group, by=None, now=utc_now())

        assert [one["name"] for one in owner.done("GET", "groups")["groups"]] == ["a-lab", "b-lab", "default"]
        assert [one["name"] for one in bob.done("GET", "groups")["groups"]] == ["a-lab"]
        assert Asker(people.ann.token).done("GET", "groups")["groups"] == []

    def test_goes_on_page_by_page(self, owner: Asker) -> None:
        for number in range(4):
            owner.done("POST", "groups", {"name": f"lab-{number}"})
        names: list[str] = []
        token: str | None = ""
        while token is not None:
            page = owner.done("GET", f"groups?max_results=2&page_token={token}")
            names += [one["name"] for one in page["groups"]]
            token = page["next_page_token"]

        assert names == ["default", "lab-0", "lab-1", "lab-2", "lab-3"]

    def test_costs_the_same_however_many_there_are(
        self, owner: Asker, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number in range(10):
            owner.done("POST", "groups", {"name": f"lab-{number}"})
        owner.done("GET", "groups")

        with django_assert_max_num_queries(5):
            assert len(owner.done("GET", "groups")["groups"]) == 11
