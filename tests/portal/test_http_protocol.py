"""What the HTTP server writes to a connection, write by write: on the wire, pieces may grow together by chance."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from portal.http_protocol import HEAD_S, PatientProtocol

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Recorder(asyncio.Transport):
    """A connection that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time can be moved on."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


def answered(request: bytes, *, pieces: tuple[bytes, ...] = (b"{}",)) -> Recorder:
    """Send a request to an application that answers with these pieces; return the connection."""

    async def application(scope: object, receive: Callable[[], Awaitable[object]], send: Send) -> None:
        await receive()
        length = str(sum(map(len, pieces))).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        for number, piece in enumerate(pieces):
            await send({"type": "http.response.body", "body": piece, "more_body": number < len(pieces) - 1})

    async def talk() -> Recorder:
        config = Config(application, http=PatientProtocol, interface="asgi3", lifespan="off", log_config=None)
        config.load()
        connection, state = Recorder(), ServerState()
        protocol = PatientProtocol(config, state, {})
        protocol.connection_made(connection)
        protocol.data_received(request)
        while state.tasks:
            await asyncio.wait(list(state.tasks))
        protocol.connection_lost(None)
        return connection

    return asyncio.run(talk())


class TestAnswer:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_leaves_in_one_piece_with_its_head(self, method: str) -> None:
        (written,) = answered(f"{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode()).written

        assert written.startswith(b"HTTP/1.1 200 OK\r\n")
        assert written.endswith(b"\r\n\r\n{}")

    def test_of_several_pieces_leaves_piece_by_piece(self) -> None:
        written = answered(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", pieces=(b"a", b"b", b"c")).written

        assert [piece[-1:] for piece in written] == [b"a", b"b", b"c"]

    def test_without_a_body_leaves_too(self) -> None:
        (written,) = answered(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", pieces=(b"",)).written

        assert written.endswith(b"\r\n\r\n")

    def test_to_head_is_its_head(self) -> None:
        (written,) = answered(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").written

        assert b"content-length: 2\r\n" in written
        assert written.endswith(b"\r\n\r\n")

    def test_that_is_awaited_before_the_body_is_sent_is_announced_at_once(self) -> None:
        request = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"

        first, second = answered(request).written

        assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert second.endswith(b"{}")

    def test_is_written_before_the_connection_is_closed(self) -> None:
        connection = answered(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

        assert connection.written[-1].endswith(b"{}")
        assert connection.is_closed


class TestHead:
    @pytest.mark.parametrize("rest", [b"", b"Host: a\r\n\r\n"])
    def test_that_stays_half_ends_a_connection_that_was_kept(self, rest: bytes) -> None:
        async def application(scope: object, receive: Callable[[], Awaitable[object]], send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})

        async def talk() -> Recorder:
            config = Config(
                application,
                http=PatientProtocol,
                interface="asgi3",
                lifespan="off",
                log_config=None,
                timeout_keep_alive=2 * HEAD_S,
            )
            config.load()
            connection, state = Recorder(), ServerState()
            protocol = PatientProtocol(config, state, {})
            protocol.connection_made(connection)
            for data in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\n" + rest):
                protocol.data_received(data)
                while state.tasks:
                    await asyncio.wait(list(state.tasks))
            loop.ahead_s = HEAD_S + 1
            await asyncio.sleep(0.01)
            return connection

        loop = Clock()
        try:
            assert loop.run_until_complete(talk()).is_closed == (not rest)
        finally:
            loop.close()
