"""Starring things on their pages, and finding them on the first one."""

import re

import pytest
from django.test import Client

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run
from tracking.core.clock import utc_now
from tracking.registry.services import create_registered
from tracking.stars.models import Star

STAR = "/w/default/star"


def give(client: Client, kind: str, ident: object, **more: str) -> tuple[int, str]:
    """Star something; return the status and where it leads."""
    response = client.post(STAR, {"kind": kind, "id": str(ident), "on": "1", **more})
    return response.status_code, response.headers.get("Location", "")


def starred_on(page: str) -> list[tuple[str, str]]:
    """Return (link, name) of what the first page lists as starred."""
    part = page[page.index("data-starred") :].partition("</ul>")[0]
    return re.findall(r'<a class="long-name" href="([^"]*)" title="[^"]*">([^<]*)</a>', part)


def pressed_on(page: str) -> dict[str, str]:
    """Return which stars of a page are given, by what they are on."""
    return {name: is_on for is_on, name in re.findall(r'aria-pressed="(\w+)"\s+aria-label="Star ([^"]*)"', page)}


class TestStar:
    def test_puts_things_of_every_kind_on_the_first_page(self, client: Client, people: People) -> None:
        sweep = add_experiment(people.workspace, "<i>sweep</i>")
        run = add_run(sweep, "otter")
        create_registered(
            workspace=people.workspace, name="a net", description="", tags=[], by=people.ann.user, now=utc_now()
        )
        client.force_login(people.bob.user)

        for kind, ident in (("experiment", sweep.pk), ("run", run.uid), ("model", "a net")):
            assert give(client, kind, ident, next="/w/default/") == (302, "/w/default/")

        assert starred_on(client.get("/").content.decode()) == [
            ("/w/default/models/a%20net", "a net"),
            (f"/w/default/runs/{run.uid}", "otter"),
            (f"/w/default/experiments/{sweep.pk}", "&lt;i&gt;sweep&lt;/i&gt;"),
        ]
        client.force_login(people.ann.user)
        assert starred_on(client.get("/").content.decode()) == []

    def test_is_shown_pressed_on_the_page_of_its_thing(self, client: Client, people: People) -> None:
        sweep = add_experiment(people.workspace, "sweep")
        run = add_run(sweep, "otter")
        client.force_login(people.bob.user)
        give(client, "run", run.uid)

        pages = [
            client.get(f"/w/default/{path}").content.decode() for path in (f"experiments/{sweep.pk}", f"runs/{run.uid}")
        ]

        assert [pressed_on(page) for page in pages] == [{"sweep": "false"}, {"otter": "true"}]

    def test_puts_experiments_first_in_their_list(self, client: Client, people: People) -> None:
        for name in ("a", "b", "c"):
            last = add_experiment(people.workspace, name)
        client.force_login(people.bob.user)
        give(client, "experiment", last.pk)

        page = client.get("/w/default/experiments").content.decode()

        assert list(pressed_on(page).items()) == [
            ("c", "true"),
            ("Default", "false"),
            ("a", "false"),
            ("b", "false"),
        ]

    def test_is_answered_to_htmx_as_the_button_that_takes_it_back(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        part = client.post(
            STAR,
            {"kind": "experiment", "id": "0", "on": "1", "next": "/w/default/x?q=1"},
            headers={"HX-Request": "true"},
        ).content.decode()

        assert "<html" not in part
        assert re.search(r'name="next"\s+value="/w/default/x\?q=1"', part)
        assert (pressed_on(part), 'value="0"' in part) == ({"Default": "true"}, True)
        give(client, "experiment", 0, on="0")
        assert not Star.objects.exists()

    @pytest.mark.parametrize(
        ("kind", "ident", "status"),
        [
            ("experiment", "77777", 404),
            ("experiment", "x", 400),
            ("run", "f" * 32, 404),
            ("run", "\0" + "x" * 600, 404),
            ("model", "none", 404),
            ("model", "", 400),
            ("workspace", "default", 400),
            ("", "", 400),
        ],
    )
    def test_refuses_what_is_not_there(
        self, client: Client, people: People, kind: str, ident: str, status: int
    ) -> None:
        client.force_login(people.bob.user)

        assert give(client, kind, ident) == (status, "")
        assert not Star.objects.exists()

    def test_finds_nothing_of_another_workspace(self, client: Client, people: People) -> None:
        elsewhere = add_run(add_experiment(People.around("lab").workspace, "sweep"), "otter")
        client.force_login(people.bob.user)

        assert give(client, "run", elsewhere.uid) == (404, "")

    def test_leads_to_no_other_server(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        assert give(client, "experiment", 0, next="https://evil.example/") == (302, "/")
