"""Deletions with a real worker and a real broker: killed, emptied, stopped, asked for twice."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portal.env import BASE_DIR, read_env
from tests.support.programs import REDIS, free_port, need
from tests.tracking.cleanup.office import Office, fill
from tracking.management.processes import worker_program

SMALL = {"workspaces": 2, "experiments": 4, "runs": 480, "points": 4_800, "files": 480}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Open an office with something in it that must stay as it is."""
    office = Office.open(tmp_path_factory.mktemp("office"))
    fill(office.portal, group="kept", workspaces=1, experiments=1, runs=10, points=100, files=10)
    yield office
    office.portal.stop()


class TestGroupDeletion:
    def test_survives_kills_and_touches_nothing_else(self, office: Office) -> None:
        kept, workspace = office.files(), office.ask("GET", "workspaces/kept-0")
        fill(office.portal, group="killed", **SMALL)

        status, deletion = office.delete_group("killed")
        for runs in (1, 120, 240):
            office.wait_for_runs(deletion["uid"], runs)
            office.worker().kill()
        after = office.wait_for_state(deletion["uid"], "done")

        assert status == 202
        assert after["report"]["counts"]["runs"] == 480
        assert after["report"]["counts"]["points"] == 4_800
        assert after["report"]["bytes"]["artifacts"] == 480 * 100
        assert (office.files(), office.ask("GET", "workspaces/kept-0")) == (kept, workspace)
        assert office.ask("GET", "groups/killed")[0] == 404

    def test_is_found_where_the_broker_has_forgotten_it(self, office: Office) -> None:
        fill(office.portal, group="forgotten", workspaces=1, experiments=1, runs=20)
        worker = office.worker()

        worker.suspend()
        _, deletion = office.delete_group("forgotten")
        for message in (office.portal.data_dir / "queue" / "messages").iterdir():
            message.unlink()
        assert office.deletion(deletion["uid"])["state"] == "accepted"
        worker.resume()

        office.wait_for_state(deletion["uid"], "done")

    def test_of_twenty_admins_at_once_is_one(self, office: Office) -> None:
        fill(office.portal, group="wanted", workspaces=1, experiments=1, runs=20)

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: office.delete_group("wanted"), range(20)))

        assert {status for status, _ in answers} <= {202, 404}  # 404: it was gone when the last one asked
        (uid,) = {answer["uid"] for status, answer in answers if status == 202}
        office.wait_for_state(uid, "done")

    def test_is_stopped_by_a_lock(self, office: Office) -> None:
        fill(office.portal, group="locked", **SMALL)
        _, deletion = office.delete_group("locked")
        office.wait_for_runs(deletion["uid"], 1)

        lock = {"name": "wait", "level": "CanNotDelete"}
        assert office.ask("POST", "groups/locked/locks", lock)[0] == 201
        stopped = office.wait_for_state(deletion["uid"], "paused")
        assert "'wait'" in stopped["error"]
        assert office.ask("POST", f"deletions/{deletion['uid']}/resume")[0] == 409
        office.ask("DELETE", "groups/locked/locks/wait")
        assert office.ask("POST", f"deletions/{deletion['uid']}/resume")[0] == 200

        assert office.wait_for_state(deletion["uid"], "done")["report"]["counts"]["runs"] == 480


class TestTimetable:
    def test_ends_the_worker_when_it_dies(self, office: Office, tmp_path: Path) -> None:
        command = [*worker_program(read_env(office.portal.environ)).command]
        command[command.index("--timetable") + 1] = str(tmp_path / "nowhere" / "timetable")

        worker = subprocess.Popen(command, cwd=BASE_DIR, env=office.portal.environ, stderr=subprocess.DEVNULL)
        try:
            assert worker.wait(120) == 0
        finally:
            worker.kill()


class TestRedis:
    def test_that_is_down_delays_a_deletion_and_nothing_else(self, tmp_path: Path) -> None:
        program, port = need(REDIS), free_port()
        office = Office.open(tmp_path, REDIS_URL=f"redis://127.0.0.1:{port}/0")
        try:
            fill(office.portal, group="patient", workspaces=1, experiments=1, runs=20)

            status, deletion = office.delete_group("patient")
            assert (status, deletion["state"]) == (202, "accepted")
            redis = subprocess.Popen(
                [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", tmp_path],
                stdout=subprocess.DEVNULL,
            )
            try:
                office.wait_for_state(deletion["uid"], "done")
            finally:
                redis.kill()
                redis.wait()
        finally:
            office.portal.stop()
