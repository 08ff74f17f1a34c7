"""Experiments for the read workloads: through the API where that is fast enough, else written into the tables."""

from collections.abc import Iterable, Iterator

from bench import contents, peer_seeds
from bench.api import Api, ApiError
from bench.load import Script, drive
from bench.servers import Ours, Server
from tests.support.programs import wait_until

CLIENTS = 8
BATCH = 1_000
COMPACTED_S = 240
SWEPT_BELOW = 8
FULLEST = "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM metric_segment GROUP BY run_id) AS counted"


def searched_runs(server: Server, count: int) -> str:
    """Return an experiment of finished runs with 20 params, 20 metrics and 10 tags each, made unless it is there."""
    name = f"searched-{count}"
    known = server.api().find_experiment(name)
    if known is not None:
        return known
    experiment_id = server.api().create_experiment(name)
    if isinstance(server, Ours):
        server.run("-m", "bench.own_seeds", "runs", experiment_id, str(count))
    else:
        peer_seeds.searched_runs(server, experiment_id, count)
    return experiment_id


def curves(server: Server, runs: int, points: int) -> str:
    """Return an experiment of runs with a metric ``loss`` of so many points, made unless it is there, and at rest."""
    name = f"curves-{runs}x{points}"
    known = server.api().find_experiment(name)
    if known is not None:
        return known
    api = server.api()
    experiment_id = api.create_experiment(name)
    if isinstance(server, Ours):
        run_ids = [api.create_run(experiment_id, f"run{number}") for number in range(runs)]
        _send(api, (_batches(api, run_id, number, points) for number, run_id in enumerate(run_ids)))
        wait_until(lambda: server.database.rows(FULLEST)[0][0] < SWEPT_BELOW, what="compaction", timeout_s=COMPACTED_S)
    else:
        peer_seeds.curves(server, experiment_id, runs, points)
    return experiment_id


def experiments(server: Server, count: int) -> None:
    """Make empty experiments ``bulk-00000`` and so on unless they are there."""
    if server.api().find_experiment(f"bulk-{count - 1:05d}") is not None:
        return
    if isinstance(server, Ours):
        api = server.api()
        _send(api, ([api.post("experiments/create", {"name": f"bulk-{number:05d}"})] for number in range(count)))
    else:
        peer_seeds.experiments(server, count)


def _batches(api: Api, run_id: str, number: int, points: int) -> Iterator[bytes]:
    times, values = contents.curve(number, points)
    for start in range(0, points, BATCH):
        metrics = [
            {"key": "loss", "value": values[step], "timestamp": times[step], "step": step}
            for step in range(start, min(points, start + BATCH))
        ]
        yield api.post("runs/log-batch", {"run_id": run_id, "metrics": metrics})
    yield api.post("runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": times[-1]})


def _send(api: Api, sequences: Iterable[Iterable[bytes]]) -> None:
    """Send sequences of requests, several at once. :raises ApiError: if one is not acknowledged."""
    waiting = iter(sequences)
    failed: list[object] = []

    def script() -> Script:
        for sequence in waiting:
            for request in sequence:
                answer = yield request
                if answer.status != 200:
                    failed.append(answer)
                    return

    drive(api.address, [script() for _ in range(CLIENTS)])
    if failed:
        raise ApiError(f"Seeding failed: {failed[0]}")
