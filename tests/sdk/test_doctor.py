"""``mlportal doctor`` explains what bars the way: each ill in its own words, and health when there is none."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from mlportal._config import Config
from mlportal._doctor import Check, examine

from tests.sdk.cli import Cli
from tests.support.portal import Portal
from tests.support.programs import free_port
from tests.support.sdk import write_config

HEALTHY = {"name": "mlportal", "version": "0.1.0", "api": "v1"}


@contextmanager
def answering(status: int, body: str, **headers: str) -> Iterator[str]:
    """Run something that gives one answer to every request, as a proxy or another web server does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body.encode())), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def saying(**changes: Any) -> str:
    return json.dumps({**HEALTHY, "time_s": time.time(), **changes})


def ill(endpoint: str, config: Config | None = None) -> list[Check]:
    return [check for check in examine(endpoint, config) if check.state != "ok"]


class TestDoctor:
    def test_finds_nothing_where_nothing_is_wrong(self, cli: Cli, home: Path, live_portal: Portal) -> None:
        write_config(home / "work", live_portal)

        done = cli("doctor", "-o", "json")

        assert (done.code, {check["state"] for check in done.data}) == (0, {"ok"})
        assert {"server", "version", "clock", "credential", "workspace", "mlflow"} < {
            check["check"] for check in done.data
        }

    def test_sees_that_there_is_no_server(self) -> None:
        assert "Nothing listens at" in ill(f"http://127.0.0.1:{free_port()}")[0].finding

    def test_sees_that_there_is_no_such_host(self) -> None:
        assert "No machine is named 'no.such.host.invalid'" in ill("http://no.such.host.invalid")[0].finding

    def test_sees_that_the_address_is_another_programs(self) -> None:
        with answering(404, "<h1>Not found</h1>", Content_Type="text/html") as url:
            assert "is not mlportal: /api/v1/server answered 404 with text/html" in ill(url)[0].finding

    def test_sees_that_the_address_leads_elsewhere(self) -> None:
        with answering(301, "", Location="https://ml.example.org/") as url:
            assert "sends on to https://ml.example.org/" in ill(url)[0].finding

    def test_sees_that_mlportal_is_down_behind_its_proxy(self) -> None:
        with answering(502, "Bad gateway") as url:
            assert "mlportal itself is down or starting" in ill(url)[0].finding

    def test_sees_that_https_is_wrong(self, live_portal: Portal) -> None:
        finding = ill(live_portal.url.replace("http://", "https://"))[0].finding

        assert "http:// and not https://" in finding

    def test_sees_another_version(self, live_portal: Portal) -> None:
        with answering(200, saying(api="v2", version="9.1.0")) as url:
            first = ill(url)[0]
            assert (first.check, first.state) == ("version", "failed")
            assert "pip install mlportal==9.1.0" in first.finding
        with answering(200, saying(version="0.2.0")) as url:
            assert [check.state for check in ill(url) if check.check == "version"] == ["warning"]
        old = json.dumps({"error_code": "ENDPOINT_NOT_FOUND", "message": "GET /api/v1/server is not an endpoint here."})
        with answering(404, old) as url:
            assert "is older than this client" in ill(url)[0].finding

    def test_sees_that_a_clock_is_wrong(self) -> None:
        with answering(200, saying(time_s=time.time() - 3600)) as url:
            (clock,) = [check for check in ill(url) if check.check == "clock"]

        assert clock.state == "warning"
        assert clock.finding.startswith("This machine's clock is 3600 s ahead of the server's")

    def test_sees_a_proxy_that_bars_the_way(self, live_portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
        with answering(403, "Forbidden by policy") as proxy:
            monkeypatch.setenv("http_proxy", proxy.replace("://", "://user:secret@"))
            found = ill(live_portal.url)

        assert [(check.check, check.state) for check in found[:2]] == [("proxy", "warning"), ("proxy", "failed")]
        assert f"The proxy {proxy} answers 403 in the server's place" in found[1].finding
        assert "NO_PROXY=127.0.0.1" in found[1].finding
        assert "secret" not in str(found)

    def test_sees_a_proxy_that_is_away(self, live_portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")

        assert "Without the proxy the server answers." in ill(live_portal.url)[1].finding

    def test_sees_that_there_is_no_token(self, live_portal: Portal) -> None:
        assert f"Run `mlportal login {live_portal.url}`" in ill(live_portal.url)[0].finding

    def test_sees_that_the_token_has_expired(
        self, cli: Cli, live_portal: Portal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = (
            cli("workspace", "tracking-uri", "-n", "default", "--life", "1")
            .out.partition("token:")[2]
            .partition("@")[0]
        )
        monkeypatch.setenv("MLPORTAL_TOKEN", token)
        time.sleep(1.1)

        done = cli("doctor", "-o", "json")

        (credential,) = [check for check in done.data if check["check"] == "credential"]
        assert (done.code, credential["state"]) == (1, "failed")
        assert "expired" in credential["finding"]

    def test_sees_that_the_workspace_is_not_there(self, cli: Cli, live_portal: Portal) -> None:
        assert "names workspace 'none'" in ill(live_portal.url, Config("none"))[0].finding
