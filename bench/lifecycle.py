"""S1, D1, C1 and the disk: how a server starts, forgets, feels to the real client, and what a point costs for years."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator

from bench import machine, seeds
from bench.api import Api
from bench.results import Result, timed
from bench.scales import Scale
from bench.servers import Ours, Server
from tests.support.programs import wait_until

SETTLE_S = 5
DELETION_S = 600
CLIENT = """
import json, sys, time
import mlflow
run_id, calls = sys.argv[1], int(sys.argv[2])
with mlflow.start_run(run_id=run_id):
    mlflow.log_metric("warm", 1.0)
    started = time.perf_counter()
    for step in range(calls):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    print(json.dumps((time.perf_counter() - started) / calls))
"""

AS_OWNER = """
import django
django.setup()
from datetime import timedelta
from tracking.core.clock import utc_now
from tracking.identity.queries import get_user
from tracking.identity.services import issue_access_token
owner = get_user(username="owner")
print(issue_access_token(user=owner, name="bench", life=timedelta(hours=1), now=utc_now()).text)
"""


def start(server: Server, scale: Scale) -> list[Result]:
    """S1: from the command to the first 200, on a database that is there; and the memory some seconds later."""
    server.stop()
    took_s = server.start()
    time.sleep(SETTLE_S)
    memory = machine.memory_mib(server.own_pids)
    return [
        Result("S1 start to the first 200", "s", took_s, is_better_high=False),
        Result("S1 memory of all processes, idle", "MiB", memory, is_better_high=False),
    ]


def disk(server: Server, scale: Scale) -> list[Result]:
    """What the points of ordinary curves take in the database, compacted where the server does that."""
    before = _used_bytes(server), server.database.size_bytes()
    runs = scale.charted_runs // 5  # not as many as a chart reads, which would be there already
    seeds.curves(server, runs, scale.charted_points)
    points = runs * scale.charted_points
    used, whole = ((now - then) / points for now, then in zip(
        (_used_bytes(server), server.database.size_bytes()), before, strict=True
    ))  # fmt: skip
    note = f"the file grew by {whole:.1f}" if server.database.path else ""
    return [Result("Disk per metric point", "bytes", used, is_better_high=False, note=note)]


def _used_bytes(server: Server) -> int:
    """Return the bytes in use: SQLite's file keeps pages that are free to be used again."""
    if server.database.path is None:
        return server.database.size_bytes()
    ((pages,),), ((free,),), ((size,),) = (
        server.database.rows(f"PRAGMA {name}") for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def delete(server: Server, scale: Scale) -> list[Result]:
    """D1: an experiment of many runs with their points removed for good."""
    if not server.removes_for_good:
        return []
    name = f"curves-{scale.deleted_runs}x{scale.deleted_points}"
    experiment_id = seeds.curves(server, scale.deleted_runs, scale.deleted_points)
    api = server.api()
    owner = _as_owner(server) if isinstance(server, Ours) else None
    size = server.database.size_bytes()
    before = machine.cpu_s(server.pids)

    def remove() -> None:
        if owner:
            _remove_ours(owner, api.base.rpartition("/w/")[2], experiment_id)
        else:
            api.ask(api.post("experiments/delete", {"experiment_id": experiment_id}))
            server.remove_deleted()

    _, took_s = timed(remove)
    cpu_ms = 1e3 * (machine.cpu_s(server.pids) - before) / scale.deleted_runs
    left = api.find_experiment(name)
    came_back = size - server.database.size_bytes()
    return [
        Result(
            f"D1 {scale.deleted_runs:,} runs x {scale.deleted_points:,} points removed",
            "s",
            took_s,
            is_better_high=False,
            cpu_ms=cpu_ms,
            wrong="the experiment is still there" if left else "",
            note=f"{came_back / machine.MIB:.1f} MiB came back",
        )
    ]


def _as_owner(server: Ours) -> Api:
    """Return the API v1, asked by who may remove for good."""
    return Api(server.api().base.partition("/w/")[0], server.run("-c", AS_OWNER))


def _remove_ours(owner: Api, workspace: str, experiment_id: str) -> None:
    target = {"kind": "experiment", "workspace": workspace, "experiment_id": experiment_id}
    asked = owner.ask(owner.request("POST", "/api/v1/deletions", json.dumps({**target, "mode": "purge"}).encode()))
    where = owner.request("GET", f"/api/v1/deletions/{asked['uid']}")
    wait_until(lambda: owner.ask(where)["state"] == "done", what="the deletion", timeout_s=DELETION_S)


def client(server: Server, scale: Scale) -> list[Result]:
    """C1: mlflow.log_metric of the real client; beside what the client itself takes, against a server that is none."""
    api = server.api()
    run_id = api.create_run(api.create_experiment(f"client-{uuid.uuid4().hex[:12]}"))
    took_ms = _client_ms(api, run_id, scale.client_calls)
    with _nothing(run_id) as nothing:
        floor_ms = _client_ms(nothing, run_id, scale.client_calls)
    stored = len(api.history(run_id, "loss"))
    return [
        Result(
            "C1 mlflow.log_metric",
            "ms",
            took_ms,
            is_better_high=False,
            wrong="" if stored == scale.client_calls else f"{stored} of {scale.client_calls} points",
            note=f"{took_ms / floor_ms:.2f} x the client's own {floor_ms:.1f} ms",
        )
    ]


def _client_ms(api: Api, run_id: str, calls: int) -> float:
    environ = {**os.environ, "MLFLOW_TRACKING_URI": api.base, "MLFLOW_DISABLE_TELEMETRY": "true"}
    environ |= {"MLFLOW_TRACKING_TOKEN": api.token} if api.token else {}
    command = [sys.executable, "-c", CLIENT, run_id, str(calls)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return 1e3 * float(json.loads(done.stdout.splitlines()[0]))


@contextlib.contextmanager
def _nothing(run_id: str) -> Iterator[Api]:
    """Run a server that answers each request at once with one and the same run."""
    info = {
        "run_id": run_id,
        "run_uuid": run_id,
        "experiment_id": "1",
        "status": "RUNNING",
        "lifecycle_stage": "active",
    }
    body = json.dumps({"run": {"info": {**info, "artifact_uri": "mlflow-artifacts:/1"}, "data": {}}}).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as incoming:
            while head := list(iter(incoming.readline, b"\r\n")):
                if head[-1] == b"":
                    return
                length = next((line for line in head if line.lower().startswith(b"content-length:")), b":0")
                incoming.read(int(length.partition(b":")[2]))
                connection.sendall(answer)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield Api(f"http://127.0.0.1:{listener.getsockname()[1]}")


WORKLOADS = {"DISK": disk, "C1": client, "D1": delete, "S1": start}
