"""Goals that are counts of our own tests, and the deletion of a large experiment (G11 to G14, G16 to G19)."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.goals.browsing import ARGUMENTS
from bench.goals.figures import Figure
from bench.goals.stage import Place
from bench.results import percentile_ms
from portal.env import BASE_DIR
from tests.support.programs import CHROMIUM, get_program

COUNTED = re.compile(r"(\d+) (passed|failed|error)")
LIGHTHOUSE = "lighthouse@12.8.2"
AUDITED = ("accessibility", "best-practices", "performance")
LEAST = {"accessibility": 98.0, "best-practices": 100.0, "performance": 90.0}
LOOKED_S = 0.05


def tests(goal: str, what: str, *selected: str) -> Callable[[Place], list[Figure]]:
    """Return a goal that is reached when none of the selected tests fails."""

    def run(place: Place) -> list[Figure]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *selected]
        done = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False)
        counts = {name: int(number) for number, name in COUNTED.findall(done.stdout.splitlines()[-1])}
        if not counts:
            raise RuntimeError(f"pytest says: {done.stdout[-500:]} {done.stderr[-500:]}")
        failed = counts.get("failed", 0) + counts.get("error", 0)
        return [Figure(goal, what, 0, "failures", failed, note=f"{counts.get('passed', 0)} tests passed")]

    return run


def lighthouse(place: Place) -> list[Figure]:
    """G13: what Lighthouse says of the runs page on a desktop; installed from npm into a temporary folder."""
    folder = _install_lighthouse(Path(place.state).parent / "lighthouse")
    cookies = json.loads(Path(place.state).read_text())["cookies"]
    headers = {"Cookie": "; ".join(f"{one['name']}={one['value']}" for one in cookies)}
    ours = _audit(folder, place.page("curves"), headers)
    theirs = _audit(folder, place.mlflow_page("curves"), {}) if place.mlflow_page("curves") else {}
    return [
        Figure("G13", f"Lighthouse, {name}, desktop", LEAST[name], "", ours[name], theirs.get(name), is_floor=True)
        for name in AUDITED
    ]


def deletion(place: Place) -> list[Figure]:
    """G18: how soon 100,000 runs are on their way to being deleted, and how often their number moves."""
    api = place.api()
    root = type(api)(place.url, place.owner_token)
    target = {"kind": "experiment", "workspace": "default", "experiment_id": place.seed("100,000 runs")}
    started = time.monotonic()
    body = json.dumps({**target, "mode": "purge"}).encode()
    uid = root.ask(root.request("POST", "/api/v1/deletions", body))["uid"]
    answered_s = time.monotonic() - started
    moved, gaps, last = time.monotonic(), [0.0], ""
    while True:
        found = root.ask(root.request("GET", f"/api/v1/deletions/{uid}"))
        if json.dumps(found["done"]) != last:
            gaps.append(time.monotonic() - moved)
            moved, last = time.monotonic(), json.dumps(found["done"])
        if found["state"] in ("done", "failed"):
            break
        time.sleep(LOOKED_S)
    took = f"{time.monotonic() - started:.0f} s in all, {found['state']}"
    p95_ms = percentile_ms(gaps, 0.95)
    assert p95_ms is not None
    return [
        Figure("G18", "deleting 100,000 runs: until the answer", 1.0, "s", answered_s),
        Figure("G18", "deleting 100,000 runs: longest time between two steps", 2.0, "s", max(gaps), note=took),
    ]


def _install_lighthouse(folder: Path) -> Path:
    """Install Lighthouse. :raises LookupError: if it cannot be had, with the reason."""
    folder.mkdir(exist_ok=True)
    npm = shutil.which("npm")
    if npm is None:
        raise LookupError("Lighthouse needs npm, which is not installed")
    install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), LIGHTHOUSE]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LookupError(f"npm cannot install {LIGHTHOUSE}: {' '.join(done.stderr.split())[:120]}")
    return folder


def _audit(folder: Path, url: str, headers: dict[str, str]) -> dict[str, float]:
    """Return Lighthouse's scores of a page, out of a hundred."""
    report = folder / "report.json"
    options = [f"--only-categories={','.join(AUDITED)}", "--preset=desktop", "--output=json", "--quiet"]
    options += [f"--output-path={report}", f"--extra-headers={json.dumps(headers)}"]
    options += [f"--chrome-flags={' '.join(['--headless=new', *ARGUMENTS])}"]
    environ = {**os.environ, "CHROME_PATH": str(get_program(CHROMIUM))}
    program = folder / "node_modules" / ".bin" / "lighthouse"
    subprocess.run([program, url, *options], env=environ, capture_output=True, check=True)
    categories = json.loads(report.read_text())["categories"]
    return {name: round(100 * categories[name]["score"]) for name in AUDITED}
