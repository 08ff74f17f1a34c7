"""Requests on their way from the event loop to a thread, with an application that waits until it may answer."""

import asyncio
import gc
import threading
from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

import pytest

from portal.asgi import Bridge

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

PATIENCE_S = 30


class Application:
    """Answers with the thread's name; log-metric only when it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.has_begun = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"].endswith("/log-metric"):
            self.has_begun.set()
            assert self.may_answer.wait(PATIENCE_S)
        start_response("200 OK", [])
        return [threading.current_thread().name.encode()]


async def ask(bridge: Bridge, method: str, path: str) -> str:
    """Send a request without a body; return the body of its answer."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        **{"method": method, "raw_path": path.encode(), "query_string": b"", "http_version": "1.1", "scheme": "http"},
        **{"server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "headers": []},
    }
    await bridge(scope, receive, send)
    return b"".join(message.get("body", b"") for message in sent).decode()


def nothing(method: str, path: bytes) -> bool:
    """Say that no request shares a commit."""
    return False


class TestBridge:
    @pytest.mark.parametrize(("method", "path"), [("GET", "/runs/get"), ("HEAD", "/"), ("POST", "/runs/search")])
    def test_lets_reads_pass_a_crowd_that_logs(self, method: str, path: str) -> None:
        application = Application()
        bridge = Bridge(application, threads=1, shares_commit=nothing)

        async def talk() -> str:
            logging = [asyncio.ensure_future(ask(bridge, "POST", "/runs/log-metric")) for _ in range(3)]
            await asyncio.to_thread(application.has_begun.wait, PATIENCE_S)
            read = await asyncio.wait_for(ask(bridge, method, path), PATIENCE_S)
            assert not any(one.done() for one in logging)
            application.may_answer.set()
            assert await asyncio.gather(*logging) == ["web-0"] * 3
            return read

        assert asyncio.run(talk()) == "read-0"

    def test_gives_a_call_to_the_thread_that_was_busy_last(self) -> None:
        bridge = Bridge(Application(), threads=4, shares_commit=nothing)

        async def talk() -> set[str]:
            return {await ask(bridge, "POST", "/runs/set-tag") for _ in range(8)}

        assert len(asyncio.run(talk())) == 1

    @pytest.mark.parametrize(("writers", "names"), [(None, {"group"}), (2, {"writer-0", "writer-1"})])
    def test_has_few_threads_answer_what_scripts_send_all_the_time(self, writers: int | None, names: set[str]) -> None:
        application = Application()
        bridge = Bridge(
            application,
            threads=4,
            shares_commit=lambda method, path: path.endswith(b"/log-metric"),
            writers=writers,
        )

        async def talk() -> tuple[set[str], str]:
            logging = [asyncio.ensure_future(ask(bridge, "POST", "/runs/log-metric")) for _ in range(5)]
            await asyncio.to_thread(application.has_begun.wait, PATIENCE_S)
            other = await asyncio.wait_for(ask(bridge, "POST", "/other"), PATIENCE_S)
            application.may_answer.set()
            return set(await asyncio.gather(*logging)), other

        logged, other = asyncio.run(talk())

        assert logged == names
        assert other.startswith("web-")


def test_the_collector_leaves_alone_what_was_imported() -> None:
    assert gc.get_freeze_count() > 50_000
