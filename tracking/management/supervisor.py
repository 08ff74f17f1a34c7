"""Watching child processes: start them, start again what dies, stop them all when asked to.

Knows nothing of Django, so that it can be tested with programs of a line.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import structlog

log = structlog.get_logger("mlportal.supervisor")
TETHER = Path(__file__).with_name("tether.py")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Program:
    """One child: a name for the logs and what to execute; ``environ``: what our own environment does not say yet."""

    name: str
    command: Sequence[str]
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    ``first`` before the first restart of a child, twice as long before each further one, at most ``longest``; a child
    that ran for ``steady`` starts from ``first`` again. ``grace`` between asking a child to stop and killing it.
    """

    first: float = 0.5
    longest: float = 10
    steady: float = 30
    grace: float = 10


def supervise(
    programs: Sequence[Program],
    *,
    is_up: Callable[[], bool],
    when_up: Callable[[], None],
    patience: Patience = Patience(),
) -> None:
    """Run the programs until SIGINT or SIGTERM; call ``when_up`` once, as soon as ``is_up()``.

    Until then the first one has the machine to itself: what starts beside it would take CPU that its start needs.
    Each child leads a process group, so that Ctrl-C in a terminal reaches only this process, and what a dead child
    leaves behind can be killed with it. Main thread only. The children get SIGTERM if this process is killed.
    """
    children = [_Child(program, patience) for program in programs]
    with _stop_requests() as requests:
        try:
            was_up = False
            while not requests:
                for child in children if was_up else children[:1]:
                    child.keep_alive()
                if not was_up and is_up():
                    was_up = True
                    when_up()
                time.sleep(POLL_S)
            log.info("stopping", signal=requests[0].name)
        finally:
            _stop(children, grace=patience.grace)


class _Child:
    """A program and the process that runs it at the moment, if any."""

    def __init__(self, program: Program, patience: Patience) -> None:
        self.program = program
        self.patience = patience
        self.process: subprocess.Popen[bytes] | None = None
        self.wait = patience.first
        self.started_at = 0.0
        self.due_at = 0.0

    def keep_alive(self) -> None:
        """Start the process if it is due, note its death if it died."""
        if self.process is not None and self.process.poll() is not None:
            self._bury(self.process)
        if self.process is None and time.monotonic() >= self.due_at:
            self._start()

    def ask_to_stop(self) -> None:
        if self.process is not None:
            self.process.terminate()

    def finish(self, *, give_up_at: float) -> None:
        """Wait for the end until ``give_up_at`` (monotonic), then kill; leaves nothing of the group alive."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.0, give_up_at - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("did not stop in time, killed", program=self.program.name)
        _kill_group(self.process)
        self.process.wait()

    def _start(self) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  (our own command lines)
            [sys.executable, "-I", str(TETHER), str(os.getpid()), *self.program.command],
            cwd=self.program.folder,
            env={**self.program.environ, **os.environ},
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        log.info("started", program=self.program.name, pid=self.process.pid)

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        _kill_group(process)
        now = time.monotonic()
        if now - self.started_at >= self.patience.steady:
            self.wait = self.patience.first
        log.error("died", program=self.program.name, status=process.returncode, again_in_s=self.wait)
        self.process, self.due_at = None, now + self.wait
        self.wait = min(2 * self.wait, self.patience.longest)


def _stop(children: Sequence[_Child], *, grace: float) -> None:
    give_up_at = time.monotonic() + grace
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.finish(give_up_at=give_up_at)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: PermissionError for a group of zombies
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _stop_requests() -> Iterator[list[signal.Signals]]:
    """Give a list that the stop signals are appended to; the handlers before are put back at the end."""
    requests: list[signal.Signals] = []

    def note(number: int, _: FrameType | None) -> None:
        requests.append(signal.Signals(number))

    before = [signal.signal(number, note) for number in STOP_SIGNALS]
    try:
        yield requests
    finally:
        for number, handler in zip(STOP_SIGNALS, before, strict=True):
            signal.signal(number, handler)
