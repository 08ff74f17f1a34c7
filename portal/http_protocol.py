"""HTTP/1.1 as uvicorn speaks it, with limits that it lacks: on heads, and on clients that do not read."""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_S = 30
UNREAD_S = 30
MAX_HEAD_BYTES = 64 * 1024
CONTINUE = b"HTTP/1.1 100 "
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class PatientProtocol(HttpToolsProtocol):
    """A connection that ends if a head is not whole in time, or if nothing of an answer is read for long.

    The time for a head starts with the connection, its first byte, or a byte of a body that was refused already; a
    connection that just waits for its next request has uvicorn's ``timeout_keep_alive``.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_in_head = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head_timer()
        self._end_unread_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_head:
            self._await_head()
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.write(TOO_LARGE)
                self.transport.close()
            return
        cycle = cast(RequestResponseCycle | None, self.cycle)  # None before the first request
        if cycle is not None and cycle.response_complete:
            self._await_head()

    def on_message_begin(self) -> None:
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._end_head_timer()
        super().on_headers_complete()
        cycle = cast(RequestResponseCycle | None, self.cycle)
        if cycle is not None and cycle.transport is self.transport and self.scope["method"] != "HEAD":
            cycle.transport = cast(asyncio.Transport, _Joining(self.transport))

    def pause_writing(self) -> None:
        self._unread_timer = self.loop.call_later(UNREAD_S, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._end_unread_timer()
        super().resume_writing()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _end_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_unread_timer(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None


class _Joining:
    """The transport as one answer sees it: its head waits for the first piece of its body, and both go together.

    One system call and one segment instead of two of each; a client whose kernel delays acknowledgements never waits
    for the second.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self._is_begun = False

    def write(self, data: bytes) -> None:
        if self._is_begun:
            self._transport.write(data)
        elif self._head:
            self._is_begun = True
            self._transport.write(self._head + data)
            self._head = b""
        elif data.startswith(CONTINUE):
            self._transport.write(data)
        else:
            self._head = data

    def close(self) -> None:
        if self._head:
            self._transport.write(self._head)
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()
