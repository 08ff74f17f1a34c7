"""The command line: starts the servers, fills them, measures goal after goal and writes the page after each."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from bench import machine
from bench.choices import some_of
from bench.databases import SQLITE, Databases
from bench.goals import figures
from bench.goals.browsing import chromium
from bench.goals.figures import Figure
from bench.goals.one import GOALS
from bench.goals.stage import COMPARED, Place, fill
from bench.lifecycle import AS_OWNER
from bench.servers import Mlflow, Ours
from portal.env import BASE_DIR

SLOW = ("100,000 runs",)  # minutes
QUIET_S = 15
LAST = "G18"


def main() -> None:
    """Measure what was asked for and write docs/portal.md after each goal."""
    asked = _arguments()
    names = sorted(asked.goals, key=lambda name: name == LAST)
    folder = Path(tempfile.mkdtemp(prefix="mlportal-goals-"))
    databases = Databases(SQLITE, folder)
    ours = Ours(folder / "ours", databases.new("ours"))
    mlflow = None if asked.alone else Mlflow(folder / "mlflow", databases.new("mlflow"))
    try:
        place = _prepare(ours, mlflow, folder, _wanted(names, asked.quick))
        path = folder / "place.json"
        for name in names:
            machine.wait_for_quiet(QUIET_S)
            path.write_text(json.dumps(asdict(replace(place, token=ours.api().token))))
            found = _measure(name, path)
            print("\n".join(map(figures.shown, found)), flush=True)
            if not asked.dry:
                figures.keep(name, found)
                figures.write_page()
    finally:
        for server in (ours, mlflow):
            if server is not None:
                server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.goals", description="Measure the goals of the portal.")
    parser.add_argument("--goals", type=some_of(GOALS), default=",".join(GOALS), help=f"some of {','.join(GOALS)}")
    parser.add_argument("--alone", action="store_true", help="without MLflow")
    parser.add_argument("--quick", action="store_true", help=f"without the seeds {', '.join(SLOW)}")
    parser.add_argument("--dry", action="store_true", help="print only")
    return parser.parse_args()


def _wanted(names: Sequence[str], is_quick: bool) -> list[str]:
    wanted = dict.fromkeys(seed for name in names for seed in GOALS[name].seeds)
    return [seed for seed in wanted if not (is_quick and seed in SLOW)]


def _prepare(ours: Ours, mlflow: Mlflow | None, folder: Path, wanted: Iterable[str]) -> Place:
    """Start the servers and fill them; a seed that fails costs only the goals that need it."""
    ours.start()
    state = folder / "state.json"
    with chromium() as browser:
        context = browser.new_context()
        context.new_page().goto(ours.manage("sign_in_link"))
        context.storage_state(path=state)
    url = f"http://127.0.0.1:{ours.port}"
    place = Place(url, ours.api().token, ours.run("-c", AS_OWNER), str(state))
    if mlflow is not None:
        try:
            mlflow.start()
            place = replace(place, mlflow=f"http://127.0.0.1:{mlflow.port}")
        except (RuntimeError, TimeoutError) as error:
            print(f"MLflow does not start, and is left out: {error}", flush=True)
    for name in wanted:
        _seed(place.ours, ours, name)
        if mlflow is not None and place.mlflow and name in COMPARED:
            _seed(place.theirs, mlflow, name)
    return place


def _seed(into: dict[str, str], server: Ours | Mlflow, name: str) -> None:
    print(f"{server.name}: {name}", flush=True)
    try:
        into[name] = fill(server, name)
    except Exception as error:
        print(f"{server.name}: the seed {name} failed: {type(error).__name__}: {str(error)[:300]}", flush=True)


def _measure(name: str, place: Path) -> list[Figure]:
    """Measure a goal in a process of its own, which takes its browsers with it when its time is up."""
    command = [sys.executable, "-m", "bench.goals.one", name, str(place)]
    process = subprocess.Popen(
        command, cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    limit_s = GOALS[name].limit_s
    try:
        output, errors = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return [_failed(name, f"took longer than {limit_s:.0f} s")]
    if process.returncode:
        print(errors, file=sys.stderr, flush=True)
        return [_failed(name, errors.strip().splitlines()[-1][:200] if errors.strip() else "no word")]
    return [Figure(**row) for row in json.loads(output.splitlines()[-1])]


def _failed(name: str, why: str) -> Figure:
    what = (GOALS[name].measure.__doc__ or name).partition(": ")[2].rstrip(".") or "our own tests"
    return Figure(name, what, 0, "", None, note=why)


if __name__ == "__main__":
    main()
