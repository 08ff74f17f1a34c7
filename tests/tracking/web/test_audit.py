"""The page of the audit log."""

import pytest
from django.test import Client

from tests.support.people import People
from tracking.audit.services import record
from tracking.core.clock import utc_now
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import Role


@pytest.fixture
def ann(client: Client, people: People) -> People:
    """Ann owns the server and is signed in."""
    assign_role(user=people.ann.user, role=Role.OWNER, by=None, now=utc_now())
    client.force_login(people.ann.user)
    return people


class TestEventList:
    def test_filters_and_carries_the_filter_to_the_exports(self, client: Client, ann: People) -> None:
        record(by=ann.bob.user, verb="thing.do", target="<b>one</b>", at=utc_now())
        record(by=ann.cleo.user, verb="thing.do", target="two", at=utc_now())

        page = client.get("/audit?who=bob&verb=thing&since=2020-01-01").content.decode()

        assert "&lt;b&gt;one&lt;/b&gt;" in page
        assert ">two<" not in page
        assert "/api/v1/audit.csv?who=bob&amp;verb=thing&amp;since=2020-01-01T00%3A00%3A00%2B00%3A00" in page

    def test_shows_a_hundred_and_leads_on(self, client: Client, ann: People) -> None:
        for number in range(101):
            record(by=ann.bob.user, verb="thing.do", target=f"number {number}.", at=utc_now())

        page = client.get("/audit?who=bob").content.decode()

        assert page.count("<code>thing.do</code>") == 100
        assert "number 0." not in page
        assert 'href="?who=bob&amp;page_token=' in page

    @pytest.mark.parametrize("query", ["since=yesterday", "until=9999-12-31", "since=0001-01-01", "who=" + "x" * 500])
    def test_bears_any_filter(self, client: Client, ann: People, query: str) -> None:
        assert client.get(f"/audit?{query}").status_code == 200

    def test_refuses_a_page_that_is_none(self, client: Client, ann: People) -> None:
        assert client.get("/audit?page_token=x").status_code == 400

    def test_exports_go_by_the_session(self, client: Client, ann: People) -> None:
        assert client.get("/api/v1/audit.csv").status_code == 200
