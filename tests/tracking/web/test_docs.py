"""The page that says what the REST API can do."""

import re

from django.test import Client

from tests.support.people import People
from tests.tracking.api.portal.asker import Asker
from tracking.api.portal.urls import ROUTES
from tracking.web.docs import OperationShown, sections


def operation(anchor: str) -> OperationShown:
    """Return one operation as the page has it."""
    return next(
        one
        for section in sections(Client().get("/api/v1/schema").json())
        for one in section.operations
        if one.anchor == anchor
    )


class TestDocs:
    def test_has_every_operation_once_with_a_place_to_link_to(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        page = client.get("/docs").content.decode()

        anchors = re.findall(r'<section class="card-plain api-operation"\s+id="(\w+)"', page)
        assert len(anchors) == len(set(anchors)) == len(ROUTES)
        assert set(re.findall(r'href="#(\w+)"', page)) >= set(anchors)
        assert "/docs" in client.get("/account").content.decode()

    def test_asks_a_stranger_to_sign_in(self, client: Client, people: People) -> None:
        assert client.get("/docs")["Location"].startswith("/sign-in?next=")

    def test_names_fields_and_who_needs_them(self, db: None) -> None:
        ask = operation("groups_create")

        assert {(field.name, field.kind, field.where, field.is_required) for field in ask.fields} >= {
            ("name", "string", "body", True),
            ("description", "string or null", "body", False),
        }
        assert (ask.status, ask.needs) == ("201", "Needs permission to manage the server.")
        assert "-X POST" in ask.call and '"name"' in ask.call

    def test_shows_answers_of_the_kind_that_comes(self, people: People) -> None:
        ann = Asker(people.ann.personal_token())
        show = operation("workspaces_show")

        for name in ann.done("GET", "workspaces/default"):
            assert f'"{name}": ' in show.answer
