"""A1: artifacts, one large and many small. Every byte that comes back is compared."""

import http.client
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import closing

from bench import machine
from bench.api import ARTIFACTS, Api
from bench.load import Script
from bench.results import Measured, Result, measure
from bench.scales import Scale
from bench.servers import Server

CLIENTS = 8
SMALL_BYTES = 4096
BLOCK = random.Random(7).randbytes(machine.MIB)


def artifacts(server: Server, scale: Scale) -> list[Result]:
    """A1: up and down of one large file and of many of 4 KiB, eight clients."""
    if not server.stores_artifacts:
        return []
    folder = f"{_place(server)}bench-{uuid.uuid4().hex[:8]}"
    return [*_large(server, scale, f"{folder}/large.bin"), *_small(server, scale, folder)]


def _place(server: Server) -> str:
    """Return the address of a run's artifacts, below which this server takes files."""
    api = server.api()
    run = api.create_run(api.create_experiment(f"files-{uuid.uuid4().hex[:12]}"))
    uri = api.ask(api.get("runs/get", run_id=run))["run"]["info"]["artifact_uri"]
    return f"{ARTIFACTS}{uri.partition(':/')[2].lstrip('/')}/"


def _large(server: Server, scale: Scale, path: str) -> list[Result]:
    size = f"{scale.file_mib} MiB"
    with machine.watch_memory(server.own_pids) as peak:
        before = machine.memory_mib(server.own_pids)
        up_s, status = _send(server.api(), path, scale.file_mib)
        down_s, is_same = _receive(server.api(), path, scale.file_mib)
    grown = f"memory + {max(0.0, peak.mib - before):.0f} MiB"
    return [
        Result(f"A1 {size} up", "MiB/s", scale.file_mib / up_s, wrong="" if status in (200, 201) else f"HTTP {status}"),
        Result(f"A1 {size} down", "MiB/s", scale.file_mib / down_s, wrong="" if is_same else "other bytes", note=grown),
    ]


def _send(api: Api, path: str, mib: int) -> tuple[float, int]:
    def blocks() -> Iterator[bytes]:
        for _ in range(mib):
            yield BLOCK

    started = time.perf_counter()
    with closing(http.client.HTTPConnection(*api.address, timeout=600)) as connection:
        headers = {
            **_headers(api),
            "Content-Length": str(mib * machine.MIB),
            "Content-Type": "application/octet-stream",
        }
        connection.request("PUT", _whole(api, path), body=blocks(), headers=headers)
        answer = connection.getresponse()
        answer.read()
    return time.perf_counter() - started, answer.status


def _receive(api: Api, path: str, mib: int) -> tuple[float, bool]:
    started, is_same, count = time.perf_counter(), True, 0
    with closing(http.client.HTTPConnection(*api.address, timeout=600)) as connection:
        connection.request("GET", _whole(api, path), headers=_headers(api))
        answer = connection.getresponse()
        while block := answer.read(machine.MIB):
            is_same = is_same and block == BLOCK[: len(block)]
            count += len(block)
    return time.perf_counter() - started, is_same and count == mib * machine.MIB


def _small(server: Server, scale: Scale, folder: str) -> list[Result]:
    api, count = server.api(), scale.small_files
    files = [random.Random(number).randbytes(SMALL_BYTES) for number in range(count)]
    results = []
    for direction in ("up", "down"):
        waiting, failed = iter(enumerate(files)), []

        def script() -> Script:
            for number, content in waiting:  # noqa: B023
                path = f"{folder}/{number}.bin"
                if direction == "up":  # noqa: B023
                    answer = yield api.request("PUT", path, content, kind="application/octet-stream")
                else:
                    answer = yield api.request("GET", path)
                if answer.status not in (200, 201) or (direction == "down" and answer.body != content):  # noqa: B023
                    failed.append(answer)  # noqa: B023

        took: Measured = measure(server, [script() for _ in range(CLIENTS)])
        results.append(
            Result(
                f"A1 4 KiB files {direction}",
                "files/s",
                count / took.wall_s,
                cpu_ms=1e3 * took.server_cpu_s / count,
                failures=len(failed),
            )
        )
    return results


def _headers(api: Api) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.token}"} if api.token else {}


def _whole(api: Api, path: str) -> str:
    return api.request("GET", path).split(b" ", 2)[1].decode()


WORKLOADS = {"A1": artifacts}
