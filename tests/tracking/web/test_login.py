"""Where a person approves a program."""

import pytest
from django.test import Client

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.core.errors import TrackingError
from tracking.identity.services import ask_device_login, collect_device_token
from tracking.identity.types import DeviceAsked


@pytest.fixture
def asked(client: Client, people: People) -> DeviceAsked:
    client.force_login(people.bob.user)
    return ask_device_login(client="<b>CLI</b> on box", now=utc_now())


def collected(asked: DeviceAsked) -> str:
    """Return whom the program acts for now, or why for nobody."""
    try:
        user, _ = collect_device_token(device_code=asked.device_code, now=utc_now())
    except TrackingError as error:
        return str(error)
    return str(user.get_username())


class TestDevice:
    def test_shows_what_asks_before_anything_is_granted(self, client: Client, asked: DeviceAsked) -> None:
        page = client.post("/login/device", {"code": asked.user_code.lower()}).content.decode()

        assert "&lt;b&gt;CLI&lt;/b&gt; on box" in page
        assert "acts as bob" in page
        assert collected(asked) == "Nobody has approved yet."

    def test_approves(self, client: Client, asked: DeviceAsked) -> None:
        client.post("/login/device", {"code": asked.user_code, "decision": "approve"})

        assert collected(asked) == "bob"

    def test_denies(self, client: Client, asked: DeviceAsked) -> None:
        client.post("/login/device", {"code": asked.user_code, "decision": "deny"})

        assert collected(asked) == "The request was denied."

    def test_grants_nothing_by_a_link(self, client: Client, asked: DeviceAsked) -> None:
        client.get(f"/login/device?code={asked.user_code}&decision=approve")

        assert collected(asked) == "Nobody has approved yet."

    @pytest.mark.parametrize("code", ["", "BCDF-BCDF", "x" * 500, "<script>"])
    def test_does_not_know_other_codes(self, client: Client, asked: DeviceAsked, code: str) -> None:
        assert client.post("/login/device", {"code": code}).status_code == 404

    def test_lets_nobody_guess(self, client: Client, asked: DeviceAsked) -> None:
        answers = [client.post("/login/device", {"code": "BCDF-BCDF"}) for _ in range(11)]

        assert [answer.status_code for answer in answers] == [404] * 10 + [429]
        assert int(answers[-1]["Retry-After"]) > 0
