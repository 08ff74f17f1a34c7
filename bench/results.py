"""One figure of one workload on one server, and what several rounds of it come to."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from bench import machine
from bench.load import Script, drive
from bench.servers import Server

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result:
    """What a server did with a workload. ``wrong``: what was acknowledged and is not there, or a wrong answer."""

    workload: str
    unit: str
    value: float
    is_better_high: bool = True
    p50_ms: float | None = None
    p99_ms: float | None = None
    cpu_ms: float | None = None
    failures: int = 0
    wrong: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a drive of the load generator took."""

    wall_s: float
    server_cpu_s: float


def measure(server: Server, scripts: Iterable[Script]) -> Measured:
    """Run clients against a server and watch the CPU that it and its database use."""
    before = machine.cpu_s(server.pids)
    wall_s = drive(server.api().address, scripts)
    return Measured(wall_s, machine.cpu_s(server.pids) - before)


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """Return what a call returns and the seconds it took."""
    started = time.perf_counter()
    return call(), time.perf_counter() - started


def percentile_ms(durations_s: Sequence[float], share: float) -> float | None:
    """Return a percentile in milliseconds, None for nothing."""
    ordered = sorted(durations_s)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3 if ordered else None


def median_of(rounds: Sequence[Result]) -> Result:
    """Return the median of each figure of several rounds; failures add up, and one wrong answer is one too many."""

    def middle(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return statistics.median(known) if known else None

    return replace(
        rounds[-1],
        value=statistics.median(one.value for one in rounds),
        p50_ms=middle(one.p50_ms for one in rounds),
        p99_ms=middle(one.p99_ms for one in rounds),
        cpu_ms=middle(one.cpu_ms for one in rounds),
        failures=sum(one.failures for one in rounds),
        wrong=next((one.wrong for one in rounds if one.wrong), ""),
    )
