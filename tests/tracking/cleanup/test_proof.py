"""The proofs of issue 4 at full size; docs/operations.md has their figures. A small version is in test_workers.py."""

import json
import os
import random
import statistics
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tracking.cleanup.office import Office, fill, rows_by_group

LARGE = {"workspaces": 3, "experiments": 50, "runs": 20_000, "points": 20_000_000, "files": 20_000}
KILLED = {"workspaces": 1, "experiments": 2, "runs": 400, "points": 40_000, "files": 400}
KILLS = 50
MIB = 1024 * 1024


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Open an office with something in it that must stay as it is."""
    office = Office.open(tmp_path)
    fill(office.portal, group="kept", workspaces=1, experiments=1, runs=50, points=5_000, files=50)
    yield office
    office.portal.stop()


class Watch(threading.Thread):
    """Does something over and over until told to stop, and notes how long each time takes."""

    def __init__(self, act: Callable[[int], object], *, every_s: float) -> None:
        super().__init__(daemon=True)
        self.act, self.every_s = act, every_s
        self.took_ms: list[float] = []
        self.stops = threading.Event()

    def run(self) -> None:
        """Act until told to stop."""
        while not self.stops.is_set():
            began_at = time.monotonic()
            self.act(len(self.took_ms))
            self.took_ms.append(1000 * (time.monotonic() - began_at))
            self.stops.wait(self.every_s)

    def end(self) -> list[float]:
        """Stop it, and return what it noted."""
        self.stops.set()
        self.join()
        return self.took_ms


class Neighbour:
    """A run of workspace ``default`` that somebody logs batches of ten points to."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.uid = self._post("runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]

    def log(self, step: int) -> None:
        """Log ten points."""
        metrics = [{"key": f"m{n}", "value": n, "timestamp": step, "step": step} for n in range(10)]
        self._post("runs/log-batch", {"run_id": self.uid, "metrics": metrics})

    def _post(self, path: str, body: object) -> Any:
        request = urllib.request.Request(  # noqa: S310  (our own http)
            f"{self.office.portal.url}/w/default/api/2.0/mlflow/{path}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.office.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return json.loads(response.read())


class Visitor:
    """Somebody signed in who opens the pages that show a deletion and what there is."""

    def __init__(self, office: Office, deletion_uid: str) -> None:
        self.url = office.portal.url
        self.paths = ("/", "/groups", "/work", f"/deletions/{deletion_uid}")
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self.browser.open(office.portal.sign_in_link(), timeout=60).close()

    def visit(self, number: int) -> None:
        """Open the next page."""
        with self.browser.open(self.url + self.paths[number % len(self.paths)], timeout=60) as page:
            page.read()


def p99_of(took_ms: list[float]) -> float:
    return statistics.quantiles(took_ms, n=100)[98]


def log_for(neighbour: Neighbour, seconds: float) -> list[float]:
    """Log for so long, and return how long each batch took."""
    watch = Watch(neighbour.log, every_s=0.02)
    watch.start()
    time.sleep(seconds)
    return watch.end()


@pytest.mark.proof
class TestLargeGroup:
    def test_goes_while_others_hardly_notice(self, office: Office) -> None:
        neighbour = Neighbour(office)
        kept, workspace, rows = office.files(), office.ask("GET", "workspaces/kept-0"), rows_by_group(office.portal)
        filling_at = time.monotonic()
        fill(office.portal, group="large", **LARGE)
        filled_s = time.monotonic() - filling_at
        idle = log_for(neighbour, 20)

        logging = Watch(neighbour.log, every_s=0.02)
        logging.start()
        began_at = time.monotonic()
        status, deletion = office.delete_group("large")
        accepted_s = time.monotonic() - began_at
        visiting = Watch(Visitor(office, deletion["uid"]).visit, every_s=0.2)
        visiting.start()
        moves, rss, last, moved_at = [0.0], 0, None, time.monotonic()
        while (now := office.deletion(deletion["uid"]))["state"] != "done":
            assert now["state"] != "failed", now
            shown = {name: now[name] for name in ("state", "done", "total")}
            if shown != last:
                moves.append(time.monotonic() - moved_at)
                last, moved_at = shown, time.monotonic()
            rss = max(rss, office.worker().memory_info().rss)
            time.sleep(0.2)
        took_s = time.monotonic() - began_at
        pages, busy = visiting.end(), logging.end()
        slowest = [round(one, 1) for one in sorted(moves)[-3:]]

        print(
            f"\nload {os.getloadavg()[0]:.0f}, filled in {filled_s:.0f} s, accepted in {accepted_s:.2f} s, "
            f"gone after {took_s:.0f} s, worker {rss / MIB:.0f} MiB, longest without progress {slowest} s; "
            f"log-batch p99 {p99_of(idle):.0f} ms idle, {p99_of(busy):.0f} ms meanwhile; "
            f"pages p50 {statistics.median(pages):.0f}, p99 {p99_of(pages):.0f}, max {max(pages):.0f} ms ({len(pages)})"
        )
        after = rows_by_group(office.portal)
        assert status == 202
        assert now["report"]["counts"]["runs"] == LARGE["runs"]
        assert now["report"]["counts"]["points"] == LARGE["points"]
        assert now["report"]["counts"]["artifacts"] == LARGE["files"]
        assert office.files() == kept
        assert office.ask("GET", "workspaces/kept-0") == workspace
        assert set(after) == set(rows)
        assert after["kept"] == rows["kept"]
        assert rss < 300 * MIB


@pytest.mark.proof
class TestKills:
    def test_are_survived_every_time(self, office: Office) -> None:
        kept = office.files()
        seed = random.randrange(10**6)
        print(f"\nseed {seed}")
        moments = random.Random(seed)
        took_s = []
        for number in range(KILLS):
            fill(office.portal, group=f"killed-{number}", **KILLED)
            _, deletion = office.delete_group(f"killed-{number}")
            time.sleep(moments.random() * 3)
            office.worker().kill()
            began_at = time.monotonic()
            office.wait_for_state(deletion["uid"], "done")
            took_s.append(time.monotonic() - began_at)

        print(f"{KILLS} of {KILLS} finished, the slowest {max(took_s):.1f} s after the kill")
        assert office.files() == kept
