"""bench/results.json, which keeps the last figure of each workload, and docs/performance.md, which shows them."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import machine
from bench.databases import POSTGRES, SQLITE
from bench.results import Result
from bench.servers import FASTTRACKML, FASTTRACKML_VERSION, MLFLOW, OURS, OURS_NORMAL
from bench.targets import Target, target_of
from portal.env import BASE_DIR

RESULTS = Path(__file__).with_name("results.json")
PAGE = BASE_DIR / "docs" / "performance.md"
METHOD = Path(__file__).with_name("method.md")
LIMITS = Path(__file__).with_name("limits.md")
DATABASES = {SQLITE: "SQLite", POSTGRES: "PostgreSQL"}
PEERS = (MLFLOW, FASTTRACKML)


@dataclass(frozen=True, slots=True)
class Kept:
    """The medians of one workload on one server and database, and when and how they were taken."""

    database: str
    server: str
    result: Result
    rounds: int
    date: str
    load: float


def keep(found: Iterable[Kept]) -> None:
    """Put figures into results.json, in the place of older ones of the same workload, server and database."""
    kept = {(one.database, one.result.workload, one.server): one for one in [*read(), *found]}
    RESULTS.write_text(json.dumps([asdict(one) for one in kept.values()], indent=1) + "\n")


def read() -> list[Kept]:
    """Return what results.json keeps."""
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    return [Kept(**{**row, "result": Result(**row["result"])}) for row in rows]


def write_page() -> None:
    """Write docs/performance.md."""
    kept = read()
    parts = [METHOD.read_text().format(machine=machine.describe(), versions=_versions(), commit=_commit())]
    for database, name in DATABASES.items():
        here = [one for one in kept if one.database == database]
        if here:
            parts.append(f"## On {name}\n\n{_table(here)}\n")
    parts.append(LIMITS.read_text())
    PAGE.write_text("\n".join(parts))


def shown(database: str, server: str, result: Result) -> str:
    """Return a line for the terminal."""
    return f"{database:9}{server:18}{result.workload:56}{_cell(result)}"


def compared(medians: dict[str, Result]) -> str:
    """Return for the terminal how many times as good this server is as each peer."""
    ratios = [f"{_against(peer, medians)} {peer}" for peer in PEERS if peer in medians and OURS in medians]
    return f"    {medians[OURS].workload}: {', '.join(ratios)}" if ratios else ""


def _table(kept: Sequence[Kept]) -> str:
    servers = [name for name in (OURS, OURS_NORMAL, *PEERS) if any(one.server == name for one in kept)]
    workloads = sorted({one.result.workload: None for one in kept}, key=_place)
    lines = [
        f"| workload | {' | '.join(servers)} | against MLflow | against FastTrackML | wanted | measured |",
        f"|---|{'---|' * len(servers)}---|---|---|---|",
    ]
    for workload in workloads:
        by_server = {one.server: one for one in kept if one.result.workload == workload}
        results = {name: one.result for name, one in by_server.items()}
        unit = next(iter(results.values())).unit
        cells = [_cell(results[name], with_unit=False) if name in results else "" for name in servers]
        ratios = [_against(peer, results) for peer in PEERS]
        when = by_server[OURS] if OURS in by_server else next(iter(by_server.values()))
        taken = f"{when.date}, rounds: {when.rounds}, load {when.load:.1f}"
        lines.append(f"| {' | '.join([f'{workload}, {unit}', *cells, *ratios, _wanted(target_of(workload)), taken])} |")
    return "\n".join(lines)


def _place(workload: str) -> tuple[int, str]:
    order = ("W", "R", "A", "D1", "S", "C", "Disk")
    return next(place for place, start in enumerate(order) if workload.startswith(start)), workload


def _cell(result: Result, *, with_unit: bool = True) -> str:
    parts = [f"**{_number(result.value)}**" if not with_unit else f"{_number(result.value)} {result.unit}"]
    if result.p50_ms is not None and not result.unit.startswith("ms"):
        parts.append(f"({_number(result.p50_ms)} / {_number(result.p99_ms or 0)} ms)")
    parts += [f"cpu {_number(result.cpu_ms)}"] if result.cpu_ms is not None else []
    parts += [f"{result.failures} failed"] if result.failures else []
    parts += [f"WRONG: {result.wrong}"] if result.wrong else []
    parts += [result.note] if result.note and not result.failures else []
    return "; ".join([" ".join(parts[:2]), *parts[2:]])


def _against(peer: str, results: Mapping[str, Result]) -> str:
    """Return how many times as good this server is as a peer, at the peer's durability."""
    ours = results.get(OURS_NORMAL if peer == FASTTRACKML and OURS_NORMAL in results else OURS)
    return _times(ours, results.get(peer))


def _times(ours: Result | None, peer: Result | None) -> str:
    if ours is None or peer is None or not ours.value or not peer.value:
        return ""
    return f"{_number(ours.value / peer.value if ours.is_better_high else peer.value / ours.value)} x"


def _wanted(target: Target) -> str:
    parts = [f"{target.mlflow:g} x MLflow"] if target.mlflow else []
    parts += [f"{target.fasttrackml:g} x FastTrackML"] if target.fasttrackml else []
    parts += [f"cpu {target.cpu_ms:g}"] if target.cpu_ms else []
    parts += [f"at most {target.value:g}"] if target.value else []
    return ", ".join(parts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _versions() -> str:
    from importlib.metadata import version

    return f"MLflow {version('mlflow')}, FastTrackML {FASTTRACKML_VERSION}, Django {version('django')}"


def _commit() -> str:
    git = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(git, cwd=BASE_DIR, capture_output=True, text=True, check=True).stdout.strip()
