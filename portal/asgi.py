"""The ASGI application that the web server loads: Django's WSGI handler in threads, out of reach of slow clients.

A thread that waits for a client is lost to all others. So the event loop takes a body in before a thread gets the
request, and sends the answer; only a body too large for memory is read by a thread as it arrives, one of a few kept
for that. What was measured: docs/adr/0003-http-server.md.
"""

import asyncio
import gc
import io
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.urls import get_resolver

from portal.wsgi import application as wsgi_application
from tracking.api.urls import ROUTES
from tracking.core.commits import together

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from _typeshed.wsgi import WSGIApplication

KEPT_BYTES = 256 * 1024
MAX_GROUP = 64
WRITERS = 4
# A client may pause for so long while it sends a body, and all pauses together may last as long, and a second more for
# every so many bytes.
BODY_PAUSE_S = 30
LEAST_BYTES_PER_S = 10_000
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
T = TypeVar("T")
_Call = tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]
_Outcome = tuple[asyncio.Future[Any], Callable[[Any], None], object]


class CutError(ConnectionError):
    """A client left before its body was whole, or sent it too slowly."""


class Bridge:
    """A WSGI application as an ASGI one: ``threads`` changes at once, and besides them half as many reads, which do not
    queue up behind a crowd that logs, and half as many large bodies.

    What ``shares_commit`` picks by method and path is answered by one more thread, all that waits at a time together,
    or by ``writers`` of them, each on its own.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        *,
        threads: int,
        shares_commit: Callable[[str, bytes], bool],
        writers: int | None = None,
    ) -> None:
        self._application = application
        self._shares_commit = shares_commit
        self._writers = _GroupThread() if writers is None else _Threads(writers, "writer")
        self._threads = _Threads(threads, "web")
        self._read_threads = _Threads((threads + 1) // 2, "read")
        self._upload_threads = _Threads((threads + 1) // 2, "upload")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        environ = _environ(scope)
        is_chunked = "HTTP_TRANSFER_ENCODING" in environ
        body = _Body(receive)
        kept = b""
        threads = self._read_threads if _is_read(scope) else self._threads
        announced = int(environ.get("CONTENT_LENGTH", "0"))
        if is_chunked or 0 < announced <= KEPT_BYTES:
            try:
                kept = await body.take(KEPT_BYTES)
            except CutError as error:
                await _refuse(send, 408, str(error))
                return
            if body.is_whole:
                environ["CONTENT_LENGTH"] = str(len(kept))
        if not body.is_whole and (is_chunked or announced):
            threads = self._upload_threads
        if threads is self._upload_threads:
            environ["wsgi.input"] = io.BufferedReader(_Arriving(kept, body, must_be_whole=is_chunked), KEPT_BYTES)
            answer = await threads.run(_Answer, self._application, environ)
        elif self._shares_commit(scope["method"], scope["raw_path"]):
            answer = await self._writers.run(_answer_kept, self._application, environ, kept)
        else:
            answer = await threads.run(_answer_kept, self._application, environ, kept)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        if not answer.is_whole:
            await self._send_pieces(answer, receive, send)
        else:
            await send({"type": "http.response.body", "body": answer.first})

    async def _send_pieces(self, answer: "_Answer", receive: Receive, send: Send) -> None:
        """Send an answer that is not in memory; no thread is held while the client reads."""
        gone = asyncio.ensure_future(_disconnect(receive))
        try:
            piece = answer.first
            while not gone.done():
                await send({"type": "http.response.body", "body": piece, "more_body": not answer.is_whole})
                if answer.is_whole:
                    break
                piece = await self._read_threads.run(answer.pull)
        finally:
            gone.cancel()
            if not answer.is_whole:
                await self._read_threads.run(answer.close)


class _Threads:
    """Threads that work for the event loop; the one that was busy last, whose caches are warm, gets the next call.

    A hand-over costs half of a ThreadPoolExecutor's, and a process that ends does not wait for them.
    """

    def __init__(self, number: int, name: str) -> None:
        self._lock = Lock()  # of the next two; one of them is always empty
        self._waiting: deque[_Call] = deque()
        self._idle: list[SimpleQueue[_Call]] = []
        for count in range(number):
            Thread(target=self._work, name=f"{name}-{count}", daemon=True).start()

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function in a thread and return what it returns."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._lock:
            idle = self._idle.pop() if self._idle else None
            if idle is None:
                self._waiting.append((future, function, arguments))
        if idle is not None:
            idle.put((future, function, arguments))
        return await future

    def _work(self) -> None:
        given: SimpleQueue[_Call] = SimpleQueue()
        call = self._next(given)
        while True:
            outcome = _outcome(call or given.get())
            call = self._next(given)  # before the loop hears of it and has another call for this thread
            _tell([outcome])

    def _next(self, given: "SimpleQueue[_Call]") -> "_Call | None":
        """Return a call that waits; None: there is none, and the next one will be put into ``given``."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(given)
            return None


class _GroupThread:
    """A thread that works for the event loop, on all calls that wait at a time ``together``."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[_Call] = SimpleQueue()
        Thread(target=self._work, name="group", daemon=True).start()

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function in the thread and return what it returns; it may be called twice (core.commits)."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.put((future, function, arguments))
        return await future

    def _work(self) -> None:
        while True:
            calls = [self._waiting.get()]
            while len(calls) < MAX_GROUP and not self._waiting.empty():
                calls.append(self._waiting.get())
            _tell(together([partial(_outcome, call) for call in calls]))


def _outcome(call: _Call) -> _Outcome:
    """Make a call; return its future, and how and with what to settle it."""
    future, function, arguments = call
    try:
        return future, future.set_result, function(*arguments)
    except Exception as error:
        return future, future.set_exception, error


def _tell(outcomes: Sequence[_Outcome]) -> None:
    """Have the event loop settle futures."""
    with suppress(RuntimeError):  # the loop has ended
        outcomes[0][0].get_loop().call_soon_threadsafe(_settle, outcomes)


def _settle(outcomes: Sequence[_Outcome]) -> None:
    for future, settle, outcome in outcomes:
        if not future.done():
            settle(outcome)


class _Body:
    """A body as it arrives. The event loop's."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._size = 0
        self._waited_s = 0.0
        self.is_whole = False

    async def take(self, most: int) -> bytes:
        """Return all of it, or its beginning as soon as that is longer than ``most``. :raises CutError: if cut."""
        pieces = []
        while not self.is_whole and self._size <= most:
            pieces.append(await self.next())
        return b"".join(pieces)

    async def next(self) -> bytes:
        """Return the next piece, which may be empty. :raises CutError: if the client left or is too slow."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(
                min(BODY_PAUSE_S, BODY_PAUSE_S + self._size / LEAST_BYTES_PER_S - self._waited_s)
            ):
                message = await self._receive()
        except TimeoutError:
            raise CutError("The body came too slowly.") from None
        self._waited_s += time.monotonic() - started
        if message["type"] == "http.disconnect":
            raise CutError("The body was cut.")
        self.is_whole = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        self._size += len(piece)
        return piece


class _Arriving(io.RawIOBase):
    """A body for a thread to read while it arrives.

    ``must_be_whole``: a cut one raises ``CutError``. Otherwise it just ends, and who reads compares the lengths.
    """

    def __init__(self, kept: bytes, body: _Body, *, must_be_whole: bool) -> None:
        self._rest = memoryview(kept)
        self._body = body
        self._loop = asyncio.get_running_loop()
        self._must_be_whole = must_be_whole

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        try:
            while not self._rest and not self._body.is_whole:
                self._rest = memoryview(asyncio.run_coroutine_threadsafe(self._body.next(), self._loop).result())
        except CutError:
            if self._must_be_whole:
                raise
        view = memoryview(buffer)
        size = min(len(view), len(self._rest))
        view[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class _Answer:
    """What the application answers. Made and pulled in threads."""

    status: int
    headers: list[tuple[bytes, bytes]]

    def __init__(self, application: "WSGIApplication", environ: dict[str, Any]) -> None:
        self.is_whole = False
        self._chunks: Iterable[bytes] = application(environ, self._start)  # type: ignore[arg-type]  # no write()
        self._left: Iterator[bytes] = iter(self._chunks)
        self.first = self.pull()

    def pull(self) -> bytes:
        """Return what comes next: KEPT_BYTES or a little more, or all that is left."""
        pieces = []
        size = 0
        for piece in self._left:
            pieces.append(piece)
            size += len(piece)
            if size >= KEPT_BYTES:
                break
        else:
            self.is_whole = True
            self.close()
        return b"".join(pieces)

    def close(self) -> None:
        """End the request, as WSGI has it."""
        if hasattr(self._chunks, "close"):
            self._chunks.close()

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        self.status = int(status[:3])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _answer_kept(application: "WSGIApplication", environ: dict[str, Any], body: bytes) -> _Answer:
    """Answer a request whose body is in memory."""
    return _Answer(application, environ | {"wsgi.input": io.BytesIO(body)})


def _is_read(scope: Message) -> bool:
    """Tell whether a request changes nothing, as far as its first line says; MLflow sends its searches by POST."""
    path: bytes = scope["raw_path"]
    return scope["method"] in ("GET", "HEAD") or path.endswith(b"/search")


def _environ(scope: Message) -> dict[str, Any]:
    """Return what PEP 3333 asks for, but for the body. A header with an underscore is dropped, for it would pass as
    another one with a hyphen, such as X_Forwarded_For."""
    server, client = scope["server"], scope["client"]
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:
            continue
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        key = name if name in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{name}"
        value = raw_value.decode("latin-1")
        environ[key] = f"{environ[key]}{';' if name == 'COOKIE' else ','}{value}" if key in environ else value
    return environ


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = reason.encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _shares_commit(method: str, path: bytes) -> bool:
    """Tell which requests are one small change each, which scripts send all the time."""
    return method == "POST" and path.rpartition(b"/mlflow/")[2] in _SHARED


_SHARED = frozenset(route.path.rpartition("/mlflow/")[2].encode() for route in ROUTES if route.endpoint.shares_commit)
application = Bridge(
    wsgi_application,
    threads=settings.ENV.web_threads,
    shares_commit=_shares_commit,
    # PostgreSQL makes the commits of several connections durable together by itself. What more of them than these have
    # to say takes the interpreter from those who read, and logs no faster (docs/adr/0007-one-thread-for-writes.md).
    writers=None
    if settings.DATABASES["default"]["ENGINE"] == "portal.sqlite"
    else min(WRITERS, settings.ENV.web_threads),
)

# All that is imported stays. A collector that looked at it for garbage would keep everybody waiting for 66 ms.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
