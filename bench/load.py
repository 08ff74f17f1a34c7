"""A closed-loop HTTP/1.1 load generator: one thread, one epoll, raw sockets, some 25 microseconds of CPU a request.

A client is a generator: it yields the bytes of a request and is sent the ``Answer``, or yields a ``Pause``.
"""

import heapq
import itertools
import select
import socket
import time
from collections.abc import Generator, Iterable
from typing import NamedTuple

RECEIVED_BYTES = 1 << 20


class Answer(NamedTuple):
    """What came back. ``status`` 0: the connection broke."""

    status: int
    body: bytes
    duration_s: float


class Pause(NamedTuple):
    """A client that does nothing for a while."""

    duration_s: float


Script = Generator[bytes | Pause, Answer, None]


def drive(address: tuple[str, int], scripts: Iterable[Script]) -> float:
    """Run all clients at once until each has ended, a connection each; return how many seconds that took."""
    started = time.perf_counter()
    loop = _Loop(address)
    for script in scripts:
        loop.begin(script)
    loop.run()
    return time.perf_counter() - started


class _Client:
    """A script and its connection, with the answer that is being received."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.socket: socket.socket | None = None
        self.unsent = memoryview(b"")
        self.received = bytearray()
        self.sent_at = 0.0
        self.is_stuck = False


class _Loop:
    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._epoll = select.epoll()
        self._client_by_file: dict[int, _Client] = {}
        self._pauses: list[tuple[float, int, _Client]] = []
        self._numbers = itertools.count()
        self._alive = 0

    def begin(self, script: Script) -> None:
        self._alive += 1
        self._advance(_Client(script), None)

    def run(self) -> None:
        while self._alive:
            wait = max(0.0, self._pauses[0][0] - time.perf_counter()) if self._pauses else -1
            for file, event in self._epoll.poll(wait):
                client = self._client_by_file.get(file)
                if client is not None and event & select.EPOLLOUT and client.unsent:
                    self._send(client)
                elif client is not None:
                    self._receive(client)
            while self._pauses and self._pauses[0][0] <= time.perf_counter():
                self._advance(heapq.heappop(self._pauses)[2], Answer(0, b"", 0.0))
        self._epoll.close()

    def _advance(self, client: _Client, answer: Answer | None) -> None:
        try:
            wanted = next(client.script) if answer is None else client.script.send(answer)
        except StopIteration:
            self._disconnect(client)
            self._alive -= 1
            return
        if isinstance(wanted, Pause):
            due = time.perf_counter() + wanted.duration_s
            heapq.heappush(self._pauses, (due, next(self._numbers), client))
            return
        if client.socket is None:
            self._connect(client)
        client.unsent, client.received, client.sent_at = memoryview(wanted), bytearray(), time.perf_counter()
        self._send(client)

    def _connect(self, client: _Client) -> None:
        client.socket = socket.create_connection(self._address)
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.socket.setblocking(False)
        self._client_by_file[client.socket.fileno()] = client
        self._epoll.register(client.socket.fileno(), select.EPOLLIN)

    def _disconnect(self, client: _Client) -> None:
        if client.socket is not None:
            del self._client_by_file[client.socket.fileno()]
            self._epoll.unregister(client.socket.fileno())
            client.socket.close()
            client.socket, client.is_stuck = None, False

    def _send(self, client: _Client) -> None:
        assert client.socket is not None
        try:
            client.unsent = client.unsent[client.socket.send(client.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._break(client)
            return
        if bool(client.unsent) != client.is_stuck:
            client.is_stuck = not client.is_stuck
            events = select.EPOLLIN | (select.EPOLLOUT if client.is_stuck else 0)
            self._epoll.modify(client.socket.fileno(), events)

    def _receive(self, client: _Client) -> None:
        assert client.socket is not None
        try:
            piece = client.socket.recv(RECEIVED_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._break(client)
            return
        client.received += piece
        found = _parse(client.received)
        if found is not None:
            status, body, closes = found
            if closes:
                self._disconnect(client)
            self._advance(client, Answer(status, body, time.perf_counter() - client.sent_at))

    def _break(self, client: _Client) -> None:
        self._disconnect(client)
        self._advance(client, Answer(0, b"the connection broke", time.perf_counter() - client.sent_at))


def _parse(received: bytearray) -> tuple[int, bytes, bool] | None:
    """Return status, body and whether the connection closes; None while the answer is not whole."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head, start = bytes(received[: end + 2]).lower(), end + 4
    status, closes = int(head[9:12]), b"\r\nconnection: close" in head
    if status in (204, 304):
        return status, b"", closes
    if b"\r\ntransfer-encoding: chunked" in head:
        body = _dechunked(received, start) if received.endswith(b"0\r\n\r\n") else None
        return None if body is None else (status, body, closes)
    place = head.find(b"\r\ncontent-length:") + len(b"\r\ncontent-length:")
    length = int(head[place : head.find(b"\r\n", place)])
    return (status, bytes(received[start : start + length]), closes) if len(received) >= start + length else None


def _dechunked(received: bytearray, start: int) -> bytes | None:
    pieces: list[bytes] = []
    while (end := received.find(b"\r\n", start)) >= 0:
        size = int(received[start:end].split(b";")[0], 16)
        if size == 0:
            return b"".join(pieces)
        pieces.append(bytes(received[end + 2 : end + 2 + size]))
        start = end + 2 + size + 2
    return None
