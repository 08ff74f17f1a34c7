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
from urllib.parse import urlsplit

import pytest

from tests.support.redis import RedisServer
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


class Progress(Watch):
    """Looks how far a deletion is, and how much memory its worker has, while it is paused and resumed."""

    def __init__(self, office: Office, uid: str) -> None:
        super().__init__(self.look, every_s=0.2)
        self.office, self.uid = office, uid
        self.moves, self.rss, self.ran_s, self.now = [0.0], 0, 0.0, office.deletion(uid)
        self._moved_at = self._looked_at = time.monotonic()
        self._shown = ""

    def look(self, _: int) -> None:
        """Note how long nothing moved, if something has moved now; nothing is to while it is paused."""
        self.now, present = self.office.deletion(self.uid), time.monotonic()
        self.ran_s += (present - self._looked_at) * (self.now["state"] != "paused")
        self._looked_at = present
        shown = json.dumps([self.now[name] for name in ("state", "done", "total")])
        if shown != self._shown:
            self.moves.append(present - self._moved_at)
        if shown != self._shown or self.now["state"] == "paused":
            self._shown, self._moved_at = shown, present
        self.rss = max(self.rss, self.office.worker().memory_info().rss)


def p99_of(took_ms: list[float]) -> float:
    return statistics.quantiles(took_ms, n=100)[98]


def spread(took_ms: list[float]) -> str:
    return f"{statistics.median(took_ms):.0f} and {p99_of(took_ms):.0f}"


def log_for(neighbour: Neighbour, seconds: float) -> list[float]:
    """Log for so long, and return how long each batch took."""
    watch = Watch(neighbour.log, every_s=0.02)
    watch.start()
    time.sleep(seconds)
    return watch.end()


def log_beside(neighbour: Neighbour, office: Office, uid: str, progress: Progress) -> tuple[list[float], list[float]]:
    """Log until a deletion is done, which is paused again and again: what batches took while it stood, and ran."""
    idle, busy = [], []
    while progress.now["state"] != "done":
        assert progress.now["state"] != "failed", progress.now
        busy += log_for(neighbour, 4)
        if office.ask("POST", f"deletions/{uid}/pause")[0] == 200:
            idle += log_for(neighbour, 3)
            assert office.ask("POST", f"deletions/{uid}/resume")[0] == 200
    return idle, busy


@pytest.mark.proof
class TestLargeGroup:
    def test_goes_while_others_hardly_notice(self, office: Office) -> None:
        neighbour = Neighbour(office)
        kept, workspace, rows = office.files(), office.ask("GET", "workspaces/kept-0"), rows_by_group(office.portal)
        filling_at = time.monotonic()
        fill(office.portal, group="large", **LARGE)
        filled_s = time.monotonic() - filling_at
        before = log_for(neighbour, 10)

        began_at = time.monotonic()
        status, deletion = office.delete_group("large")
        accepted_s = time.monotonic() - began_at
        visiting = Watch(Visitor(office, deletion["uid"]).visit, every_s=0.2)
        progress = Progress(office, deletion["uid"])
        visiting.start()
        progress.start()
        idle, busy = log_beside(neighbour, office, deletion["uid"], progress)
        progress.end()
        pages, now = visiting.end(), progress.now

        print(
            f"\nload {os.getloadavg()[0]:.0f}, filled in {filled_s:.0f} s, accepted in {accepted_s:.2f} s, "
            f"gone after {progress.ran_s:.0f} s, worker {progress.rss / MIB:.0f} MiB, "
            f"longest without progress {[round(one, 1) for one in sorted(progress.moves)[-3:]]} s; "
            f"log-batch p50 and p99 {spread(before)} ms before, {spread(idle)} while it was paused ({len(idle)}), "
            f"{spread(busy)} while it ran ({len(busy)}); "
            f"pages p50 and p99 {spread(pages)}, max {max(pages):.0f} ms ({len(pages)}); {now['report']['bytes']}"
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
        assert progress.rss < 300 * MIB


@pytest.mark.proof
class TestKills:
    def test_are_survived_every_time(self, office: Office) -> None:
        kept = office.files()
        seed = random.randrange(10**6)
        print(f"\nseed {seed}")
        moments = random.Random(seed)
        took_s: list[float] = []
        span_s = 2.0
        fill(office.portal, group="killed", copies=2 * KILLS, **KILLED)
        for number in range(2 * KILLS):
            _, deletion = office.delete_group(f"killed-{number}")
            time.sleep(moments.random() * span_s)
            worker = office.worker()
            worker.kill()
            worker.wait()
            if office.deletion(deletion["uid"])["state"] == "done":
                span_s *= 0.8  # too late to hit it
                continue
            office.worker()  # another
            began_at = time.monotonic()
            office.wait_for_state(deletion["uid"], "done", timeout_s=60)
            took_s.append(time.monotonic() - began_at)
            print(f"{len(took_s)}: {took_s[-1]:.1f} s", end=" ", flush=True)
            if len(took_s) == KILLS:
                break

        print(
            f"\n{KILLS} of {KILLS} finished, the slowest {max(took_s):.1f} s, the mean {statistics.mean(took_s):.1f} s "
            f"after a worker was back; load {os.getloadavg()[0]:.0f}"
        )
        files = office.files()
        assert len(took_s) == KILLS
        assert {name: files.get(name) for name in kept} == kept
        assert len(files) == len(kept) + KILLED["files"] * (2 * KILLS - number - 1)


@pytest.mark.proof
class TestRedis:
    def test_that_stops_at_the_moment_of_a_deletion_and_is_back_after_a_minute(self, tmp_path: Path) -> None:
        redis = RedisServer.start()
        office = Office.open(tmp_path, REDIS_URL=redis.url)
        try:
            fill(office.portal, group="patient", **KILLED)
            redis.stop()
            status, deletion = office.delete_group("patient")
            time.sleep(60)

            redis = RedisServer.start(port=urlsplit(redis.url).port)
            began_at = time.monotonic()
            after = office.wait_for_state(deletion["uid"], "done")

            print(f"\ndone {time.monotonic() - began_at:.0f} s after Redis was back")
            assert status == 202
            assert after["report"]["counts"]["runs"] == KILLED["runs"]
        finally:
            office.portal.stop()
            redis.stop()
