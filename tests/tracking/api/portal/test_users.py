"""Who may come in, and who did what; for the server's owners."""

import csv
import json

import pytest
from django.http import HttpResponseBase
from django.test import Client

from tests.support.people import People
from tests.tracking.api.portal.asker import Asker
from tracking.audit.models import AuditEvent
from tracking.audit.services import record
from tracking.core.clock import utc_now
from tracking.identity.models import User
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import Role


@pytest.fixture
def ann(people: People) -> Asker:
    """Ann owns the whole server here."""
    assign_role(user=people.ann.user, role=Role.OWNER, by=None, now=utc_now())
    return Asker.of(people.ann.user)


class TestUsers:
    def test_are_invited_by_a_link_that_signs_them_in(self, client: Client, ann: Asker) -> None:
        invited = ann.done("POST", "users", {"username": "dora", "email": "dora@example.org", "role": "contributor"})

        response = client.get("/sign-in/" + invited["sign_in_link"].rpartition("/")[2])

        assert response.status_code == 302
        assert client.get("/api/v1/me").json()["username"] == "dora"
        assert invited["user"]["roles"] == [{"role": "contributor", "group": None, "workspace": None}]

    @pytest.mark.parametrize(
        "body",
        [{"username": "ann"}, {"username": "ANN"}, {"username": "a/b"}, {"username": ""}, {"username": "x" * 151},
         {"username": "x", "email": "no"}, {"username": "x", "role": "god"}],
    )  # fmt: skip
    def test_are_not_made_of_nonsense(self, ann: Asker, body: dict[str, str]) -> None:
        assert ann.refused("POST", "users", body)[:2] == (400, "INVALID_PARAMETER_VALUE")
        assert User.objects.count() == 3

    def test_are_listed_in_pages_by_name(self, ann: Asker) -> None:
        first = ann.done("GET", "users?max_results=2")
        second = ann.done("GET", f"users?max_results=2&page_token={first['next_page_token']}")

        assert [user["username"] for user in first["users"] + second["users"]] == ["ann", "bob", "cleo"]
        assert second["next_page_token"] is None

    def test_who_are_disabled_lose_everything_at_once(
        self, client: Client, people: People, ann: Asker, bob: Asker, django_capture_on_commit_callbacks: object
    ) -> None:
        client.force_login(people.bob.user)
        bob.done("GET", "me")

        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            assert ann.done("PATCH", "users/bob", {"is_active": False})["is_active"] is False

        assert bob.refused("GET", "me")[0] == 401
        assert client.get("/account").status_code == 302
        ann.done("PATCH", "users/bob", {"is_active": True})
        assert bob.refused("GET", "me")[0] == 401  # what was revoked stays so

    def test_cannot_disable_themselves(self, ann: Asker) -> None:
        assert ann.refused("PATCH", "users/ann", {"is_active": False})[:2] == (400, "INVALID_STATE")

    def test_take_no_more_than_is_written(self, people: People, ann: Asker) -> None:
        ann.ask("PATCH", "users/bob", {"is_active": True, "is_superuser": True, "is_staff": True, "password": "x"})

        bob = User.objects.get(username="bob")
        assert (bob.is_superuser, bob.is_staff, bob.has_usable_password()) == (False, False, False)

    def test_get_a_new_link_and_lose_the_old_password(self, people: People, ann: Asker) -> None:
        people.bob.user.set_password("correct-horse-battery")
        people.bob.user.save()

        link = ann.done("POST", "users/bob/sign-in-link", {"resets_password": True})["sign_in_link"]

        assert not User.objects.get(username="bob").has_usable_password()
        assert Client().get("/sign-in/" + link.rpartition("/")[2]).status_code == 302

    def test_who_do_not_exist_are_404(self, ann: Asker) -> None:
        for method, path in (("GET", "users/x"), ("PATCH", "users/x"), ("POST", "users/x/sign-in-link")):
            assert ann.refused(method, path, {})[0] == 404


def text_of(response: HttpResponseBase) -> str:
    return b"".join(response).decode()


class TestAudit:
    def get(self, ann: Asker, path: str) -> HttpResponseBase:
        return Client().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {ann.token}"})

    def test_is_filtered_and_paged_newest_first(self, people: People, ann: Asker) -> None:
        for number in range(3):
            record(by=people.bob.user, verb="thing.do", target=f"thing {number}", at=utc_now())
        record(by=people.cleo.user, verb="thing.do", target="thing 9", at=utc_now())

        first = ann.done("GET", "audit?who=bob&verb=thing&max_results=2")
        second = ann.done("GET", f"audit?who=bob&verb=thing&max_results=2&page_token={first['next_page_token']}")

        assert [one["target"] for one in first["events"] + second["events"]] == ["thing 2", "thing 1", "thing 0"]
        assert second["next_page_token"] is None
        assert [one["who"] for one in ann.done("GET", "audit?target=THING+9")["events"]] == ["cleo"]
        assert ann.done("GET", "audit?since=2999-01-01")["events"] == []
        assert ann.done("GET", "audit?until=1999-01-01")["events"] == []

    @pytest.mark.parametrize(
        "query", ["since=yesterday", "until=0001-01-01T00:00:00%2B23:59", "page_token=x", "max_results=0"]
    )
    def test_refuses_nonsense(self, ann: Asker, query: str) -> None:
        for path in ("audit", "audit.csv"):
            if "max_results" in query or "page_token" in query:
                path = "audit"
            assert ann.refused("GET", f"{path}?{query}")[:2] == (400, "INVALID_PARAMETER_VALUE")

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
    def test_as_csv_has_no_formula(self, people: People, ann: Asker, start: str) -> None:
        record(by=None, verb="thing.do", target=f"{start}1+1", at=utc_now())

        rows = list(
            csv.DictReader(text_of(self.get(ann, "audit.csv")).removeprefix("\ufeff").splitlines(keepends=True))
        )

        assert len(rows) == AuditEvent.objects.count()
        assert rows[0]["target"] == f"'{start}1+1"

    def test_as_json_lines_is_complete_in_many_queries(self, people: People, ann: Asker) -> None:
        now = utc_now()
        AuditEvent.objects.bulk_create(
            AuditEvent(at=now, by_name="x", kind="a", verb="a.b", target=str(n), result="done") for n in range(1_500)
        )

        response = self.get(ann, "audit.jsonl?verb=a.b")

        lines = [json.loads(line) for line in text_of(response).splitlines()]
        assert response.streaming
        assert [line["target"] for line in lines] == [str(n) for n in reversed(range(1_500))]
