"""What is logged: enough to find a fault, and nothing that lets anybody in."""

import io
import json
import logging

import pytest
from django.conf import settings
from django.test import Client

from portal.logs import log_config
from tracking.identity.secrets import new_secret

PASSWORD = "correct-horse-battery"

pytestmark = pytest.mark.urls("tests.portal.views")


def fail(link: str, **headers: str) -> None:
    """Ask for a page whose view fails with the password in a local variable."""
    response = Client(raise_request_exception=False).post(f"/sign-in/{link}", {"password": PASSWORD}, headers=headers)
    assert response.status_code == 500


class TestFailingView:
    def test_is_logged_with_its_reason_and_its_line(self, log: io.StringIO) -> None:
        fail("x")

        for part in ("Internal Server Error", "RuntimeError: no luck", "KeyError: 21", "views.py", "in fail"):
            assert part in log.getvalue()

    def test_gives_away_no_secret(self, log: io.StringIO) -> None:
        link, token, session = new_secret(), new_secret(), "s3ss10n" * 4

        fail(link, authorization=f"Bearer {token}", cookie=f"{settings.SESSION_COOKIE_NAME}={session}")

        assert "RuntimeError: no luck" in log.getvalue()
        for secret in (link, token, session, PASSWORD, settings.SECRET_KEY):
            assert secret not in log.getvalue()


class TestLine:
    def test_stays_one_whatever_was_sent(self, log: io.StringIO) -> None:
        Client().get("/note", {"said": "hello\r\n2026-01-01 [info] forged\x1b[31m"})

        (line,) = log.getvalue().splitlines()
        assert "forged" in line
        assert "\x1b" not in line


class TestTimetable:
    @pytest.mark.parametrize(("level", "is_told"), [("INFO", False), ("DEBUG", True)])
    def test_is_told_of_where_somebody_looks_for_a_fault(self, log: io.StringIO, level: str, is_told: bool) -> None:
        log_config(style="console", level=level)  # which ``log`` takes back

        assert logging.getLogger("celery.beat").isEnabledFor(logging.INFO) is is_told
        assert logging.getLogger("celery.app.trace").isEnabledFor(logging.ERROR)


class TestSecrets:
    def test_are_struck_out_wherever_they_stand(self, log: io.StringIO) -> None:
        token = new_secret()
        try:
            raise ValueError(f"http://owner:{token}@host/w/default")
        except ValueError:
            logging.getLogger("somebody.else").exception("failed for %s", token, extra={"token": token})

        assert "failed for mlp_" in log.getvalue()
        assert "@host/w/default" in log.getvalue()
        assert token not in log.getvalue()


class TestJson:
    @pytest.mark.parametrize("log", ["json"], indirect=True)
    def test_is_one_object_a_line(self, log: io.StringIO) -> None:
        fail("x")
        Client().get("/note")

        failed, noted = map(json.loads, log.getvalue().splitlines())
        assert (failed["level"], failed["logger"]) == ("error", "django.request")
        assert failed["exception"].endswith("RuntimeError: no luck")
        assert (noted["level"], noted["logger"], noted["event"]) == ("warning", "tests.portal.views", "noted")


class TestNoise:
    def test_of_requests_that_were_refused_is_left_out(self, log: io.StringIO) -> None:
        Client().get("/no/such/page")
        Client().get("/echo", headers={"host": "evil.example"})

        assert log.getvalue() == ""
