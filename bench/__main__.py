"""The command line: which workloads, on which databases, how often; see ``python -m bench --help``."""

import argparse
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench import machine, report
from bench.choices import some_of
from bench.databases import POSTGRES, SQLITE, Databases
from bench.report import Kept
from bench.results import Result, median_of
from bench.scales import FULL, SCALES, Scale
from bench.servers import FastTrackMl, Mlflow, Ours, OursNormal, Server, install_fasttrackml
from bench.workloads import ONCE, WORKLOADS

CACHE = Path(__file__).parent / ".cache"
KINDS: dict[str, type[Server]] = {"ours": Ours, "normal": OursNormal, "mlflow": Mlflow, "fasttrackml": FastTrackMl}


def main() -> None:
    """Measure what was asked for, print it, and write docs/performance.md unless it was measured at small scale."""
    asked = _arguments()
    for database in asked.database:
        _measure_on(database, asked)
    if SCALES[asked.scale].is_kept and not asked.dry:
        report.write_page()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure this server beside its peers.")
    parser.add_argument(
        "--workloads", type=some_of(WORKLOADS), default=",".join(WORKLOADS), help=f"some of {','.join(WORKLOADS)}"
    )
    parser.add_argument(
        "--database", type=some_of((SQLITE, POSTGRES)), default=f"{SQLITE},{POSTGRES}", help="some of %(default)s"
    )
    parser.add_argument("--servers", type=some_of(KINDS), default=",".join(KINDS), help=f"some of {','.join(KINDS)}")
    parser.add_argument("--rounds", type=int, default=3, help="how often the servers take turns")
    parser.add_argument(
        "--scale",
        choices=SCALES,
        default=FULL.name,
        help="brief: no huge tables of peers, fewer runs deleted; small: minutes, and nothing is written",
    )
    parser.add_argument("--patience", type=float, default=15, help="seconds to wait each time for a quiet machine")
    parser.add_argument("--dry", action="store_true", help="print only")
    return parser.parse_args()


def _measure_on(database: str, asked: argparse.Namespace) -> None:
    folder = Path(tempfile.mkdtemp(prefix="mlportal-bench-"))
    folder.chmod(0o755)  # PostgreSQL's own user looks into it
    databases = Databases(database, folder)
    servers: list[Server] = []
    try:
        for name in asked.servers:
            if _is_here(name, database):
                server = KINDS[name](folder / name, databases.new(name))
                try:
                    server.start()
                except (RuntimeError, TimeoutError) as error:
                    server.stop()
                    print(f"{server.name} does not start, and is left out: {error}", flush=True)
                else:
                    servers.append(server)
        for name in asked.workloads:
            kept = _measure(name, servers, database, asked)
            if SCALES[asked.scale].is_kept and not asked.dry:
                report.keep(kept)
    finally:
        for server in servers:
            server.stop()
        databases.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _is_here(name: str, database: str) -> bool:
    """Tell whether a server can be measured: PostgreSQL has no NORMAL, and not every machine can install the peers."""
    if name == "normal":
        return database == SQLITE
    return name != "fasttrackml" or install_fasttrackml(CACHE)


def _measure(name: str, servers: Sequence[Server], database: str, asked: argparse.Namespace) -> list[Kept]:
    """Let the servers take turns at a workload, every other round backwards, and return the medians."""
    scale, rounds = SCALES[asked.scale], 1 if name in ONCE else asked.rounds
    found: defaultdict[str, defaultdict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    load = 0.0
    for turn in range(rounds):
        for server in servers[:: -1 if turn % 2 else 1]:
            machine.wait_for_quiet(asked.patience)
            for result in _attempt(name, server, scale):
                found[result.workload][server.name].append(result)
                print(report.shown(database, server.name, result), flush=True)
            load = max(load, machine.load())
    medians = {
        workload: {server: median_of(results) for server, results in by_server.items()}
        for workload, by_server in found.items()
    }
    for by_server in medians.values():
        print(report.compared(by_server), flush=True)
    today = machine.today()
    return [
        Kept(database, server, result, rounds, today, load)
        for by_server in medians.values()
        for server, result in by_server.items()
    ]


def _attempt(name: str, server: Server, scale: Scale) -> list[Result]:
    """Measure once; a server that cannot be measured so is no reason to stop."""
    try:
        return WORKLOADS[name](server, scale)
    except Exception as error:
        print(f"{server.name} could not be measured by {name}: {type(error).__name__}: {str(error)[:300]}", flush=True)
        return []


if __name__ == "__main__":
    main()
