"""Finding anything by a part of its name."""

import re
from html import unescape

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run
from tracking.core.clock import utc_now
from tracking.registry.services import create_registered
from tracking.runs.models import Run
from tracking.runs.services import delete_run
from tracking.saved_views.services import save_view
from tracking.workspaces.services import assign_role, create_workspace
from tracking.workspaces.types import Role


@pytest.fixture
def run(people: People) -> Run:
    return add_run(add_experiment(people.workspace, "digits/sweep"), "cosine-long")


def hits(client: Client, **query: str) -> list[str]:
    html = client.get("/search", query, headers={"HX-Request": "true", "HX-Target": "palette-hits"}).content.decode()
    assert "<html" not in html
    return [unescape(name) for name in re.findall(r'<bdi class="hit-name">([^<]*)</bdi>', html)]


class TestSearch:
    def test_finds_experiments_and_runs_by_a_part_of_their_name(self, client: Client, people: People, run: Run) -> None:
        client.force_login(people.bob.user)

        assert hits(client, q="SWEEP") == ["digits/sweep"]
        assert hits(client, q="cosine") == ["cosine-long"]

    def test_finds_models(self, client: Client, people: People) -> None:
        create_registered(
            workspace=people.workspace, name="digit net", description="", tags=[], by=people.ann.user, now=utc_now()
        )
        client.force_login(people.bob.user)

        assert hits(client, q="DIGIT") == ["digit net"]
        client.force_login(people.cleo.user)
        assert hits(client, q="DIGIT") == []

    def test_finds_groups_for_those_who_have_a_role_there(self, client: Client, people: People) -> None:
        group = people.workspace.group
        link = f'href="/groups/{group.name}"'
        client.force_login(people.bob.user)
        before = client.get("/search", {"q": group.name}).content.decode()

        assign_role(user=people.bob.user, role=Role.READER, group=group, by=None, now=utc_now())

        assert (link in before, link in client.get("/search", {"q": group.name}).content.decode()) == (False, True)

    def test_finds_a_run_by_the_beginning_of_its_id(self, client: Client, people: People, run: Run) -> None:
        client.force_login(people.bob.user)

        assert hits(client, q=run.uid[:8]) == ["cosine-long"]

    def test_offers_pages_and_workspaces_before_one_types(self, client: Client, people: People) -> None:
        create_workspace(name="hidden", group=people.workspace.group, by=None, now=utc_now())
        client.force_login(people.bob.user)

        found = hits(client, at="default")
        assert found[:3] == ["Experiments", "Models", "Log a run"]
        assert {"Home", "Account", "Trash", "default"} <= set(found)
        assert "hidden" not in found

    def test_finds_the_views_that_the_reader_may_see(self, client: Client, people: People, run: Run) -> None:
        for name, owner, is_shared in (
            ("best of ann", people.ann, True),
            ("anns own best", people.ann, False),
            ("bobs best", people.bob, False),
        ):
            save_view(
                experiment=run.experiment,
                name=name,
                query="filter=params.lr%20%3C%201",
                is_shared=is_shared,
                is_default=False,
                by=owner.user,
                now=utc_now(),
            )
        client.force_login(people.bob.user)

        assert hits(client, q="BEST") == ["bobs best", "best of ann"]
        page = client.get("/search", {"q": "bobs best"}).content.decode()
        assert f'href="/w/default/experiments/{run.experiment_id}?filter=params.lr%20%3C%201&amp;view=' in page
        client.force_login(people.cleo.user)
        assert hits(client, q="best") == []

    def test_offers_what_one_may_do(self, client: Client, people: People) -> None:
        of_all = ["Make an access token", "Theme: light", "Theme: dark", "Theme: as the system", "Language: 简体中文"]
        of_owners = ["Register a datastore", "Delete the workspace"]
        of_server = ["Invite somebody", "Create a resource group"]
        client.force_login(people.bob.user)
        reader = hits(client, at="default")
        client.force_login(people.ann.user)
        owner = hits(client, at="default")
        assign_role(user=people.cleo.user, role=Role.OWNER, by=None, now=utc_now())
        client.force_login(people.cleo.user)
        server_owner = hits(client)

        assert reader[-6:] == [*of_all, "Sign out"]
        assert owner[-8:] == [of_all[0], *of_owners, *of_all[1:], "Sign out"]
        assert server_owner[-8:] == [of_all[0], *of_server, *of_all[1:], "Sign out"]
        assert [("Work" in one, "People" in one) for one in (reader, owner, server_owner)] == [
            (False, False),
            (False, False),
            (True, True),
        ]

    @pytest.mark.parametrize("text", ["DARK", "深色"])
    @pytest.mark.parametrize(("language", "label"), [("en", "Theme: dark"), ("zh-hans", "主题：深色")])  # noqa: RUF001
    def test_finds_actions_by_the_words_of_both_languages(
        self, client: Client, people: People, language: str, label: str, text: str
    ) -> None:
        client.force_login(people.bob.user)
        client.cookies["language"] = language

        assert hits(client, q=text) == [label]

    def test_shows_a_stranger_nothing(self, client: Client, people: People, run: Run) -> None:
        client.force_login(people.cleo.user)

        assert hits(client, q="cosine") == hits(client, q="digits") == []

    def test_does_not_find_what_is_deleted(self, client: Client, people: People, run: Run) -> None:
        delete_run(run=run, by=people.ann.user, now=utc_now())
        client.force_login(people.bob.user)

        assert hits(client, q="cosine") == []

    def test_is_a_page_without_a_script(self, client: Client, people: People, run: Run) -> None:
        client.force_login(people.bob.user)

        html = client.get("/search", {"q": "cosine"}).content.decode()

        assert "<html" in html
        assert f'href="/w/default/runs/{run.uid}"' in html

    def test_needs_no_more_queries_for_more_runs(
        self, client: Client, people: People, run: Run, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client.force_login(people.bob.user)
        for number in range(10):
            add_run(run.experiment, f"cosine {number}")

        with django_assert_num_queries(10):
            hits(client, q="cosine")
