"""What the goals are measured on: this server and a stock MLflow, filled alike."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from bench import seeds
from bench.api import BORN_MS, Api
from bench.servers import Ours, Server

SPIKES, SPIKED_POINTS, SPIKE = 20, 100_000, 1_000.0
LIVE_RUNS, LIVE_METRICS, LIVE_POINTS = 10, 10, 100
CARDS, CARD_RUNS, CARD_POINTS = 24, 5, 1_000
LONG_RUNS, LONG_POINTS = 100, 100_000
WIDE_RUNS, WIDE_COLUMNS = 50, 100
POINTS_A_BATCH = 1_000


@dataclass(frozen=True)
class Place:
    """Where a goal is measured. ``ours``, ``theirs``: the experiments by the names of their seeds; ``state``: a file
    with the owner's cookies; ``token`` logs runs, ``owner_token`` may do everything; ``mlflow`` "": not measured.
    """

    url: str
    token: str
    owner_token: str
    state: str
    mlflow: str = ""
    ours: dict[str, str] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)

    def seed(self, name: str) -> str:
        """Return the experiment of a seed. :raises LookupError: if it could not be made, or was not asked for."""
        if name not in self.ours:
            raise LookupError(f"there is no seed “{name}”")
        return self.ours[name]

    def page(self, seed: str, **query: Any) -> str:
        """Return the address of an experiment's page."""
        return f"{self.url}/w/default/experiments/{self.seed(seed)}?{urlencode(query, doseq=True)}"

    def mlflow_page(self, seed: str) -> str:
        """Return the address of an experiment's runs in MLflow, "" where it is not measured."""
        return f"{self.mlflow}/#/experiments/{self.theirs[seed]}/runs" if seed in self.theirs else ""

    def api(self) -> Api:
        """Return how to reach this server's workspace."""
        return Api(f"{self.url}/w/default", self.token)


def spiked_steps() -> list[int]:
    """Return the steps of the spikes: far apart, and on no round number."""
    return [2_347 + number * 4_799 for number in range(SPIKES)]


SEEDS: Mapping[str, Callable[[Server], str]] = {
    "10,000 runs": lambda server: seeds.searched_runs(server, 10_000),
    "curves": lambda server: seeds.curves(server, 10, 1_000),
    "spikes": lambda server: _spikes(server.api()),
    "wide": lambda server: _wide(server.api()),
    "live": lambda server: _live(server.api()),
    "cards": lambda server: _cards(server.api()),
    "long curves": lambda server: _long_curves(server),
    "100,000 runs": lambda server: seeds.searched_runs(server, 100_000),
}
COMPARED = ("10,000 runs", "curves", "spikes")
"""Seeds that MLflow gets too."""


def fill(server: Server, name: str) -> str:
    """Make a seed on a server and return its experiment."""
    return SEEDS[name](server)


def _long_curves(server: Server) -> str:
    """Write ten million points straight into the tables: through the API they take minutes."""
    assert isinstance(server, Ours)
    api = server.api()
    experiment = api.create_experiment("long curves")
    runs = [api.create_run(experiment, f"run {number}") for number in range(LONG_RUNS)]
    server.run("-m", "bench.own_seeds", "curves", experiment, str(LONG_POINTS))
    for run in runs:
        _finish(api, run)
    return experiment


def _spikes(api: Api) -> str:
    """Log a falling curve with spikes of one step each."""
    experiment = api.create_experiment("spikes")
    run = api.create_run(experiment, "spiked")
    spiked = set(spiked_steps())
    _log(api, run, "loss", [SPIKE if step in spiked else 2 / (1 + step / 9e3) for step in range(SPIKED_POINTS)])
    _finish(api, run)
    return experiment


def _wide(api: Api) -> str:
    """Log runs of a hundred params and a hundred metrics."""
    experiment = api.create_experiment("wide")
    for number in range(WIDE_RUNS):
        run = api.create_run(experiment, f"run {number}")
        params = [{"key": f"p{place:03}", "value": str(number)} for place in range(WIDE_COLUMNS)]
        api.ask(api.post("runs/log-batch", {"run_id": run, "params": params}))
        for step in range(3):
            points = [_point(f"m{place:03}", number + step, step) for place in range(WIDE_COLUMNS)]
            api.ask(api.post("runs/log-batch", {"run_id": run, "metrics": points}))
        _finish(api, run)
    return experiment


def _live(api: Api) -> str:
    """Log runs that go on."""
    experiment = api.create_experiment("live")
    for number in range(LIVE_RUNS):
        run = api.create_run(experiment, f"run {number}")
        for place in range(LIVE_METRICS):
            _log(api, run, f"m{place}", [math.exp(-step / 50) + number for step in range(LIVE_POINTS)])
    return experiment


def _cards(api: Api) -> str:
    """Log the curves of many charts."""
    experiment = api.create_experiment("cards")
    for number in range(CARD_RUNS):
        run = api.create_run(experiment, f"run {number}")
        for place in range(CARDS):
            _log(api, run, f"m{place:02}", [math.sin(step / 80 + number + place) for step in range(CARD_POINTS)])
        _finish(api, run)
    return experiment


def _log(api: Api, run: str, key: str, values: list[float]) -> None:
    for start in range(0, len(values), POINTS_A_BATCH):
        points = [_point(key, value, start + at) for at, value in enumerate(values[start : start + POINTS_A_BATCH])]
        api.ask(api.post("runs/log-batch", {"run_id": run, "metrics": points}))


def _point(key: str, value: float, step: int) -> dict[str, object]:
    return {"key": key, "value": value, "timestamp": BORN_MS + step * 1000, "step": step}


def _finish(api: Api, run: str) -> None:
    api.ask(api.post("runs/update", {"run_id": run, "status": "FINISHED", "end_time": BORN_MS + 1_000_000}))
