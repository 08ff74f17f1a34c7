"""Metrics on their way to the server: collected, sent in batches by a thread, kept through outages."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence

from mlportal._mlflow import MOST_METRICS, Point
from mlportal.errors import MlportalError, ServerUnreachableError, TimedOutError, UnavailableError

log = logging.getLogger("mlportal")
INTERVAL_S = 1.0
LONGEST_PAUSE_S = 30.0
MOST_WAITING = 500_000
AT_EXIT_S = 60.0


class MetricWriter:
    """Collects points and sends them within a second or so, at most a thousand in one request.

    While the server is out of reach points wait here, up to half a million; then ``add`` waits too. What the
    server refuses for good (a name that is not allowed, a deleted run) is raised by the next ``add`` or ``flush``.
    """

    _waiting: list[Point]
    _refusal: MlportalError | None
    _thread: threading.Thread | None

    def __init__(self, send: Callable[[Sequence[Point]], None]) -> None:
        self._send = send
        self._start()
        _writers.add(self)

    def add(self, points: Sequence[Point]) -> None:
        """Take points over.

        :raises MlportalError: why earlier points were refused.
        """
        self._raise_refusal()
        with self._changed:
            self._waiting.extend(points)
            is_full = len(self._waiting) > MOST_WAITING
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="mlportal-metrics", daemon=True)
                self._thread.start()
            if len(self._waiting) >= MOST_METRICS:
                self._changed.notify()
        if is_full:
            self.flush(timeout_s=300)

    def flush(self, *, timeout_s: float) -> None:
        """Return when every point is committed on the server.

        :raises TimedOutError: if that takes longer; the points still wait.
        :raises MlportalError: why points were refused.
        """
        give_up_at = time.monotonic() + timeout_s
        pause_s = 0.25
        while True:
            try:
                if not self._send_some():
                    break
                pause_s = 0.25
            except (ServerUnreachableError, UnavailableError) as error:
                if time.monotonic() + pause_s > give_up_at:
                    raise TimedOutError(
                        f"{len(self._waiting)} points still wait after {timeout_s:.0f} s: {error}"
                    ) from error
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, 5)
        self._raise_refusal()

    def _start(self) -> None:
        self._waiting = []
        self._refusal = None
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._thread = None

    def _work(self) -> None:
        pause_s, is_troubled = INTERVAL_S, False
        while True:
            if is_troubled:
                time.sleep(pause_s)
            else:
                with self._changed:
                    self._changed.wait_for(lambda: len(self._waiting) >= MOST_METRICS, pause_s)
                    if not self._waiting:  # the next point starts a thread again: a process may have thousands of runs
                        self._thread = None
                        return
            try:
                while self._send_some():
                    pass
            except (ServerUnreachableError, UnavailableError) as error:
                if not is_troubled:
                    log.warning("Metrics wait in memory and will be sent later: %s", error)
                pause_s, is_troubled = min(pause_s * 2, LONGEST_PAUSE_S), True
            else:
                if is_troubled:
                    log.warning("The server takes metrics again; those that waited are sent.")
                pause_s, is_troubled = INTERVAL_S, False

    def _send_some(self) -> bool:
        """Send one batch; tell whether there was one. A batch leaves the queue when it is committed or refused."""
        with self._sending:
            batch = self._waiting[:MOST_METRICS]
            if not batch:
                return False
            try:
                self._send(batch)
            except (ServerUnreachableError, UnavailableError):
                raise
            except MlportalError as error:
                self._refusal = self._refusal or error
            with self._changed:
                del self._waiting[: len(batch)]
            return True

    def _raise_refusal(self) -> None:
        refusal, self._refusal = self._refusal, None
        if refusal is not None:
            raise type(refusal)(f"Metrics were refused: {refusal}", code=refusal.code, status=refusal.status)


_writers: weakref.WeakSet[MetricWriter] = weakref.WeakSet()


@atexit.register
def _flush_all() -> None:
    for writer in list(_writers):
        try:
            writer.flush(timeout_s=AT_EXIT_S)
        except MlportalError as error:
            log.error("Metrics were lost at exit: %s", error)


def _start_anew() -> None:
    """Forget, in a forked child, what its parent has yet to send."""
    for writer in list(_writers):
        writer._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
