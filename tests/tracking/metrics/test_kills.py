"""Acknowledged is stored: a whole portal under load, whose processes are killed again and again."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from portal.env import BASE_DIR
from tests.support import ledger
from tests.support.portal import Portal, prepared_environ
from tests.support.programs import wait_until

CLIENTS = 6
WEB, WORKER = "uvicorn", "celery"


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """Run a portal of two web processes, to be damaged."""
    portal = Portal.launch(prepared_environ(tmp_path, PORTAL_WEB_PROCESSES="2"), log=tmp_path / "log")
    yield portal
    portal.stop()


def web_processes(portal: Portal) -> list[psutil.Process]:
    """Return the processes that answer requests: children of the one that uvicorn watches them with."""
    return [process for process in _processes(portal) if "spawn_main" in _command(process)]


def workers(portal: Portal) -> list[psutil.Process]:
    return [process for process in _processes(portal) if WORKER in _command(process)]


def _processes(portal: Portal) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(portal.process.pid).children(recursive=True)
    return found


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def kill_again_and_again(portal: Portal, clients_log: ledger.Ledger, *, kills: int, seed: int) -> Counter[str]:
    """Kill one process after the other, each while something was acknowledged since the one before."""
    chance = random.Random(seed)
    killed: Counter[str] = Counter()
    while killed.total() < kills:
        before = clients_log.path.stat().st_size
        time.sleep(chance.uniform(0.05, 0.5))
        wait_until(lambda size=before: clients_log.path.stat().st_size > size, what="clients that get on")  # type: ignore[misc]
        wait_until(lambda: bool(web_processes(portal)), what="a web process")
        here = workers(portal)
        what, victims = (WORKER, here) if here and killed.total() % 2 else (WEB, web_processes(portal))
        if victims:
            chance.choice(victims).kill()
            killed[what] += 1
    return killed


def prove(portal: Portal, folder: Path, *, kills: int) -> None:
    """Have clients log while processes are killed; then nothing acknowledged is missing, and nothing is there twice."""
    address = ledger.Address.of(portal.tracking_uri())
    book = ledger.Ledger(folder / "ledger.jsonl")
    clients, stop = ledger.start_clients(address, book, CLIENTS)
    wait_until(book.path.exists, what="the first operation")

    killed = kill_again_and_again(portal, book, kills=kills, seed=kills)
    stop.set()
    for client in clients:
        client.finish()
    wait_until(portal.answers, what="the portal")
    verdict = ledger.check(book, ledger.Address.of(portal.tracking_uri()))

    print(f"{dict(killed)} killed; {verdict.operations:,} operations, {verdict.points:,} points acknowledged")
    assert killed[WEB]
    assert killed[WORKER]
    assert verdict.points
    assert verdict.wrong == []


def pretend(book: ledger.Ledger, path: str, body: dict[str, object]) -> None:
    """Note an operation on a run as acknowledged that never was sent."""
    run_id = next(event["body"]["run_id"] for event in book.events() if "run_id" in event.get("body", ()))
    book.ok(book.invoke(path, {"run_id": run_id, **body}))


class TestKills:
    def test_of_a_few_processes_lose_and_double_nothing(self, portal: Portal, tmp_path: Path) -> None:
        prove(portal, tmp_path, kills=4)

        book = ledger.Ledger(tmp_path / "ledger.jsonl")
        address = ledger.Address.of(portal.tracking_uri())
        pretend(book, "runs/log-metric", {"key": "loss", "step": 0, "timestamp": 7, "value": 0.5})
        (wrong,) = ledger.check(book, address).wrong
        assert "1 points lost" in wrong  # the checker would have seen it

    @pytest.mark.proof
    def test_of_two_hundred_processes_lose_and_double_nothing(self, portal: Portal, tmp_path: Path) -> None:
        prove(portal, tmp_path, kills=200)


class TestCompaction:
    def test_killed_after_any_statement_leaves_every_point_once(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "tests.tracking.metrics.crashing"]
        environ = prepared_environ(tmp_path)

        done = subprocess.run(command, env=environ, cwd=BASE_DIR, capture_output=True, text=True, check=True)

        *dead, alive = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(dead) >= 6  # it makes some ten statements
        assert all(attempt["is_dead"] for attempt in dead)
        assert alive["status"] == 0
        assert all(attempt["is_whole"] for attempt in [*dead, alive])
        assert {attempt["blocks"] for attempt in dead} == {1}
        assert alive["blocks"] == 2
