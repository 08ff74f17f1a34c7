"""What the operating system says of processes and of the machine."""

import datetime
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

MIB = 1 << 20


def tree(pids: list[int]) -> list[psutil.Process]:
    """Return these processes and all below them."""
    found: list[psutil.Process] = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            found += [process, *process.children(recursive=True)]
    return found


def cpu_s(pids: list[int]) -> float:
    """Return the CPU seconds that these trees have used, those that have ended included."""
    total = 0.0
    for process in tree(pids):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_mib(pids: list[int]) -> float:
    """Return the memory of these trees, what they share counted once (PSS)."""
    total = 0
    for process in tree(pids):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += process.memory_full_info().pss
    return total / MIB


class Peak:
    """The most memory that was seen."""

    mib = 0.0


@contextmanager
def watch_memory(pids: list[int]) -> Iterator[Peak]:
    """Look at the memory of these trees ten times a second."""
    peak, ended = Peak(), threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            peak.mib = max(peak.mib, memory_mib(pids))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def describe() -> str:
    """Return a line about this machine."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} CPUs, {memory:.0f} GiB, {system}"


def load() -> float:
    """Return how many processes wanted a CPU in the last minute."""
    return os.getloadavg()[0]


def today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def wait_for_quiet(most_s: float, *, busy_cores: float = 0.7) -> None:
    """Wait for a second in which others use little of the machine, but not longer than ``most_s``."""
    give_up_at = time.monotonic() + most_s
    while time.monotonic() < give_up_at:
        if psutil.cpu_percent(interval=1) / 100 * (os.cpu_count() or 1) < busy_cores:
            return
