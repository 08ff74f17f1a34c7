"""Whom to believe about where a request came from, and the id that a request has in the logs."""

import dataclasses
import gzip
import io
import json
import re
from ipaddress import ip_network
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

PROXY, CLIENT, STRANGER = "10.0.0.2", "203.0.113.7", "198.51.100.9"

pytestmark = pytest.mark.urls("tests.portal.views")


@pytest.fixture(autouse=True)
def trusted_proxies(settings: Settings) -> None:
    networks = (ip_network("10.0.0.0/30"), ip_network("fd00::/8"))
    settings.ENV = dataclasses.replace(settings.ENV, trusted_proxies=networks)


def seen(peer: str, **headers: str) -> Any:
    """Return what a view sees of a request that ``peer`` hands over with X-Forwarded-<header>."""
    forwarded = {f"x-forwarded-{name}": value for name, value in headers.items()}
    return Client(REMOTE_ADDR=peer).get("/echo", headers=forwarded).json()


class TestTrustedProxies:
    def test_are_believed_about_the_client_and_its_scheme(self) -> None:
        request = seen(PROXY, **{"for": CLIENT, "proto": "https"})

        assert (request["address"], request["is_secure"]) == (CLIENT, True)

    @pytest.mark.parametrize("peer", [STRANGER, "10.0.0.4", "127.0.0.1", "::1", "", "unknown"])
    def test_are_the_only_ones_believed(self, peer: str) -> None:
        request = seen(peer, **{"for": CLIENT, "proto": "https", "host": "evil.example"})

        assert request == {"address": peer, "is_secure": False, "host": "testserver"}

    def test_are_none_unless_named(self, settings: Settings) -> None:
        settings.ENV = dataclasses.replace(settings.ENV, trusted_proxies=())

        request = seen("127.0.0.1", **{"for": CLIENT, "proto": "https"})

        assert (request["address"], request["is_secure"]) == ("127.0.0.1", False)

    @pytest.mark.parametrize(
        ("hops", "address"),
        [
            (f"{STRANGER}, {CLIENT}", CLIENT),  # the client wrote the first itself, the proxy added the second
            (f"{CLIENT}, 10.0.0.1", CLIENT),
            (f"{STRANGER}, {CLIENT},10.0.0.1 , 10.0.0.2", CLIENT),
            ("2001:db8::7", "2001:db8::7"),
            ("10.0.0.1", PROXY),
            ("", PROXY),
            (" , ", PROXY),
        ],
    )
    def test_name_the_client_as_the_last_hop_that_is_none_of_them(self, hops: str, address: str) -> None:
        assert seen(PROXY, **{"for": hops})["address"] == address

    @pytest.mark.parametrize("peer", ["fd00::2", "::ffff:10.0.0.2"])
    def test_are_known_by_ipv6_too(self, peer: str) -> None:
        request = seen(peer, **{"for": CLIENT, "proto": "https"})

        assert (request["address"], request["is_secure"]) == (CLIENT, True)

    def test_do_not_choose_the_host(self) -> None:
        assert seen(PROXY, host="evil.example")["host"] == "testserver"


@pytest.mark.parametrize("log", ["json"], indirect=True)
class TestRequestId:
    def test_that_came_with_the_request_goes_back_and_into_the_log(self, log: io.StringIO) -> None:
        response = Client().get("/note", headers={"x-request-id": "trace-0123_ABC"})

        assert response["X-Request-ID"] == "trace-0123_ABC"
        assert json.loads(log.getvalue())["request_id"] == "trace-0123_ABC"

    @pytest.mark.parametrize(
        "given",
        ["", "short", "x" * 65, "with space", "a\r\nSet-Cookie: x=y", 'quote"quote', "名字名字名字名字", "x/../../x"],
    )
    def test_that_is_none_is_replaced(self, log: io.StringIO, given: str) -> None:
        response = Client().get("/note", headers={"x-request-id": given})

        assert re.fullmatch(r"[0-9a-f]{32}", response["X-Request-ID"])
        assert json.loads(log.getvalue())["request_id"] == response["X-Request-ID"]

    def test_is_new_for_each_request(self, log: io.StringIO) -> None:
        answers = [Client().get("/note")["X-Request-ID"] for _ in range(2)]

        assert answers == [json.loads(line)["request_id"] for line in log.getvalue().splitlines()]
        assert len(set(answers)) == 2

    def test_finds_the_traceback_of_a_failed_request(self, log: io.StringIO) -> None:
        response = Client(raise_request_exception=False).post("/sign-in/x", {"password": "x"})

        assert response.status_code == 500
        assert json.loads(log.getvalue())["request_id"] == response["X-Request-ID"]


class TestCompressPages:
    def test_compresses_pages_and_not_files(self) -> None:
        page = Client().get("/sign-in", headers={"accept-encoding": "gzip"})
        style = Client().get("/words.js", headers={"accept-encoding": "gzip"})

        assert page["Content-Encoding"] == "gzip"
        assert b"<html" in gzip.decompress(page.content)
        assert "Content-Encoding" not in style

    def test_leaves_them_to_clients_that_cannot_read_it(self) -> None:
        assert b"<html" in Client().get("/sign-in").content
