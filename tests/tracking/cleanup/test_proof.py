"""The proofs of issue 4 at full size; docs/operations.md has their figures. A small version is in test_workers.py."""

import json
import random
import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tracking.cleanup.office import Office, fill

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


class Logger(threading.Thread):
    """Logs a batch of ten points over and over to a run of workspace ``default``, and notes how long each takes."""

    def __init__(self, office: Office) -> None:
        super().__init__(daemon=True)
        self.office = office
        self.took_ms: list[float] = []
        self.stops = threading.Event()
        self.uid = self._post("runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]

    def run(self) -> None:
        """Log until told to stop."""
        step = 0
        while not self.stops.is_set():
            step += 1
            metrics = [{"key": f"m{n}", "value": n, "timestamp": step, "step": step} for n in range(10)]
            began_at = time.monotonic()
            self._post("runs/log-batch", {"run_id": self.uid, "metrics": metrics})
            self.took_ms.append(1000 * (time.monotonic() - began_at))
            self.stops.wait(0.02)

    def p99_ms(self) -> float:
        return statistics.quantiles(self.took_ms, n=100)[98]

    def _post(self, path: str, body: object) -> dict[str, dict[str, dict[str, str]]]:
        request = urllib.request.Request(  # noqa: S310  (our own http)
            f"{self.office.portal.url}/w/default/api/2.0/mlflow/{path}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.office.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            answer: dict[str, dict[str, dict[str, str]]] = json.loads(response.read())
            return answer


def logging_for(office: Office, seconds: float) -> Logger:
    """Log for so long and return what was noted."""
    logger = Logger(office)
    logger.start()
    time.sleep(seconds)
    logger.stops.set()
    logger.join()
    return logger


@pytest.mark.proof
class TestLargeGroup:
    def test_goes_while_others_hardly_notice(self, office: Office) -> None:
        kept, workspace = office.files(), office.ask("GET", "workspaces/kept-0")
        fill(office.portal, group="large", **LARGE)
        idle = logging_for(office, 20)

        logger = Logger(office)
        logger.start()
        began_at = time.monotonic()
        status, deletion = office.delete_group("large")
        accepted_s = time.monotonic() - began_at
        moves, rss, last, moved_at = [0.0], 0, -1, time.monotonic()
        while (now := office.deletion(deletion["uid"]))["state"] != "done":
            total = sum(now["done"].values())
            if total != last:
                moves.append(time.monotonic() - moved_at)
                last, moved_at = total, time.monotonic()
            rss = max(rss, office.worker().memory_info().rss)
            time.sleep(0.2)
        took_s = time.monotonic() - began_at
        logger.stops.set()
        logger.join()

        print(
            f"\naccepted in {accepted_s:.2f} s, gone after {took_s:.0f} s, progress every {max(moves):.1f} s at most, "
            f"worker {rss / MIB:.0f} MiB, log-batch p99 {idle.p99_ms():.0f} ms idle, {logger.p99_ms():.0f} ms meanwhile"
        )
        assert status == 202
        assert now["report"]["counts"]["runs"] == LARGE["runs"]
        assert now["report"]["counts"]["points"] == LARGE["points"]
        assert now["report"]["counts"]["artifacts"] == LARGE["files"]
        assert office.files() == kept
        assert office.ask("GET", "workspaces/kept-0") == workspace
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
