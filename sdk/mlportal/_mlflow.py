"""MLflow's REST API of one workspace, as typed rows: the few calls that this package makes."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from mlportal._transport import Transport, quoted
from mlportal.errors import InvalidError, NotFoundError

HISTORY_PAGE = 25_000
RUNS_PAGE = 1_000
MODELS_PAGE = 100
REGISTRY_PAGE = 1_000
PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"
MOST_EXPERIMENTS = 500
MOST_METRICS, MOST_PARAMS, MOST_TAGS = 1000, 100, 100
LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Point:
    """One value of a metric. ``timestamp_ms``: epoch milliseconds."""

    key: str
    value: float
    timestamp_ms: int
    step: int


@dataclass(frozen=True)
class RunRow:
    """A run as the server knows it. ``metrics``: the last value of each; times are aware, UTC."""

    run_id: str
    name: str
    experiment_id: str
    user: str
    status: str
    lifecycle_stage: str
    started_at: datetime | None
    ended_at: datetime | None
    artifact_uri: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[str, int] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ExperimentRow:
    """An experiment as the server knows it."""

    experiment_id: str
    name: str
    lifecycle_stage: str
    created_at: datetime | None
    updated_at: datetime | None
    tags: Mapping[str, str] = field(default_factory=dict)


class MlflowApi:
    """The calls, below ``/w/<workspace>/``; without a workspace at the server's root, where MLflow's own has them."""

    def __init__(self, transport: Transport, workspace: str | None) -> None:
        self.transport = transport
        self.workspace = workspace
        self._root = api_root(workspace)

    def find_experiment(self, name: str) -> ExperimentRow | None:
        """Return the experiment of this name, deleted or not, or None."""
        try:
            answer = self.get("experiments/get-by-name", {"experiment_name": name})
        except NotFoundError as error:
            if str(error).startswith("Could not find experiment"):
                return None
            raise  # the workspace is what was not found
        return experiment_row(answer["experiment"])

    def get_experiment(self, experiment_id: str) -> ExperimentRow:
        """Return an experiment. :raises NotFoundError: if there is none."""
        return experiment_row(self.get("experiments/get", {"experiment_id": experiment_id})["experiment"])

    def create_experiment(self, name: str) -> str:
        """Create an experiment and return its id."""
        return str(self.post("experiments/create", {"name": name}, may_repeat=False)["experiment_id"])

    def list_experiments(self, *, view: str) -> Iterator[ExperimentRow]:
        """Yield the experiments of the workspace, newest first. ``view``: ACTIVE_ONLY, DELETED_ONLY, ALL."""
        body = {"max_results": 1000, "view_type": view}
        for page in self.pages("experiments/search", body):
            yield from (experiment_row(one) for one in page.get("experiments", []))

    def change_experiment(self, verb: str, **body: str) -> None:
        """Carry out ``delete``, ``restore``, ``update``, ``set-experiment-tag``."""
        self.post(f"experiments/{verb}", body)

    def create_run(
        self, *, experiment_id: str, name: str | None, user: str, start_ms: int, tags: Mapping[str, str]
    ) -> RunRow:
        """Create a running run."""
        body = {"experiment_id": experiment_id, "user_id": user, "start_time": start_ms, "tags": _pairs(tags)}
        if name:
            body["run_name"] = name
        return run_row(self.post("runs/create", body, may_repeat=False)["run"])

    def get_run(self, run_id: str) -> RunRow:
        """Return a run. :raises NotFoundError: if there is none."""
        return run_row(self.get("runs/get", {"run_id": run_id})["run"])

    def change_run(self, verb: str, run_id: str, **body: object) -> None:
        """Carry out ``update``, ``delete``, ``restore``, ``set-tag``, ``delete-tag``."""
        self.post(f"runs/{verb}", {"run_id": run_id, **body})

    def search_runs(
        self,
        *,
        experiment_ids: Sequence[str],
        filter_: str = "",
        order_by: Sequence[str] = (),
        view: str = "ACTIVE_ONLY",
        limit: int | None = None,
    ) -> Iterator[RunRow]:
        """Yield runs, newest first unless ``order_by`` says otherwise; a request for each thousand."""
        body = {
            "experiment_ids": list(experiment_ids),
            "filter": filter_,
            "order_by": list(order_by),
            "run_view_type": view,
            "max_results": min(limit or RUNS_PAGE, RUNS_PAGE),
        }
        left = math.inf if limit is None else limit
        for page in self.pages("runs/search", body):
            for one in page.get("runs", []):
                if left <= 0:
                    return
                left -= 1
                yield run_row(one)
            if left <= 0:
                return

    def log_metrics(self, run_id: str, points: Sequence[Point]) -> None:
        """Write at most a thousand points, all or none; the same ones again change nothing."""
        rows = [
            {"key": p.key, "value": number_out(p.value), "timestamp": p.timestamp_ms, "step": p.step} for p in points
        ]
        self.post("runs/log-batch", {"run_id": run_id, "metrics": rows})

    def log_params(self, run_id: str, params: Mapping[str, str]) -> None:
        """Write params, at most a hundred in one request."""
        for part in _parts(_pairs(params), MOST_PARAMS):
            self.post("runs/log-batch", {"run_id": run_id, "params": part})

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Write tags, at most a hundred in one request."""
        for part in _parts(_pairs(tags), MOST_TAGS):
            self.post("runs/log-batch", {"run_id": run_id, "tags": part})

    def read_history(self, run_id: str, key: str) -> list[Point]:
        """Return every point of a metric, by step, then time. A request for each 25,000."""
        points: list[Point] = []
        token: str | None = None
        while True:
            answer = self.get(
                "metrics/get-history",
                {"run_id": run_id, "metric_key": key, "max_results": HISTORY_PAGE, "page_token": token},
            )
            points += [
                Point(key, number_in(one["value"]), int(one["timestamp"]), int(one.get("step", 0)))
                for one in answer.get("metrics", [])
            ]
            token = answer.get("next_page_token")
            if not token:
                return sorted(points, key=lambda point: (point.step, point.timestamp_ms))

    def search_models(self, experiment_ids: Sequence[str], *, page_size: int = MODELS_PAGE) -> Iterator[Any]:
        """Yield the logged models of experiments as MLflow's JSON. A request for each ``page_size``."""
        for begin in range(0, len(experiment_ids), MOST_EXPERIMENTS):
            body = {"experiment_ids": experiment_ids[begin : begin + MOST_EXPERIMENTS], "max_results": page_size}
            for page in self.pages("logged-models/search", body):
                yield from page.get("models", [])

    def change_model(self, method: str, path: str, body: object = None) -> None:
        """Change a logged model: ``path`` is its quoted id, with what follows it."""
        self.transport.call(method, f"{self._root}/mlflow/logged-models/{path}", body=body)

    def registered_models(self) -> Iterator[Any]:
        """Yield the registered models of the workspace, prompts too, as MLflow's JSON."""
        for filter_ in ("", PROMPTS):
            yield from self._registry("registered-models", filter_)

    def registered_model(self, name: str) -> Any:
        """Return a registered model. :raises NotFoundError: if there is none of this name."""
        return self.get("registered-models/get", {"name": name})["registered_model"]

    def model_versions(self, name: str | None = None, *, with_prompts: bool = True) -> Iterator[Any]:
        """Yield the versions of the workspace, or of one registered model, as MLflow's JSON."""
        of_it = "" if name is None else f"name = {_quoted(name)}"
        for prompts in ("", PROMPTS) if with_prompts else ("",):
            yield from self._registry("model-versions", " AND ".join(filter(None, (of_it, prompts))))

    def change(self, method: str, path: str, body: object) -> Any:
        """Return what a request by another method than GET and POST below ``mlflow/`` answers."""
        return self.transport.call(method, f"{self._root}/mlflow/{path}", body=body)

    def _registry(self, path: str, filter_: str) -> Iterator[Any]:
        token: str | None = None
        while True:
            query = {"filter": filter_ or None, "max_results": REGISTRY_PAGE, "page_token": token}
            answer = self.get(f"{path}/search", query)
            yield from answer.get(path.replace("-", "_"), [])
            token = answer.get("next_page_token")
            if not token:
                return

    def get(self, path: str, query: Mapping[str, Any]) -> Any:
        """Return what a GET below ``mlflow/`` answers."""
        return self.transport.get(f"{self._root}/mlflow/{path}", query)

    def post(self, path: str, body: object, *, may_repeat: bool = True) -> Any:
        """Return what a POST below ``mlflow/`` answers. ``may_repeat``: as Transport.call has it."""
        return self.transport.call("POST", f"{self._root}/mlflow/{path}", body=body, may_repeat=may_repeat)

    def pages(self, path: str, body: Mapping[str, object]) -> Iterator[Any]:
        """Yield the pages of a search."""
        token = None
        while True:
            answer = self.post(path, {**body, **({"page_token": token} if token else {})})
            yield answer
            token = answer.get("next_page_token")
            if not token:
                return


def api_root(workspace: str | None) -> str:
    """Return the path that a workspace's API lies below."""
    return "api/2.0" if workspace is None else f"{quoted('w', workspace)}/api/2.0"


def run_row(answer: Mapping[str, Any]) -> RunRow:
    """Return a run of MLflow's JSON."""
    info, data = answer["info"], answer.get("data", {})
    metrics = data.get("metrics", [])
    return RunRow(
        run_id=info["run_id"],
        name=info.get("run_name", ""),
        experiment_id=info["experiment_id"],
        user=info.get("user_id", ""),
        status=info["status"],
        lifecycle_stage=info["lifecycle_stage"],
        started_at=_time(info.get("start_time")),
        ended_at=_time(info.get("end_time")),
        artifact_uri=info.get("artifact_uri", ""),
        metrics={one["key"]: number_in(one["value"]) for one in metrics},
        steps={one["key"]: int(one.get("step", 0)) for one in metrics},
        params={one["key"]: one.get("value", "") for one in data.get("params", [])},
        tags={one["key"]: one.get("value", "") for one in data.get("tags", [])},
    )


def experiment_row(answer: Mapping[str, Any]) -> ExperimentRow:
    """Return an experiment of MLflow's JSON."""
    return ExperimentRow(
        experiment_id=answer["experiment_id"],
        name=answer["name"],
        lifecycle_stage=answer["lifecycle_stage"],
        created_at=_time(answer.get("creation_time")),
        updated_at=_time(answer.get("last_update_time")),
        tags={one["key"]: one.get("value", "") for one in answer.get("tags", [])},
    )


def _quoted(text: str) -> str:
    """Return a text as a filter has it: nothing is escaped there. :raises InvalidError: if it has both quotes."""
    mark = '"' if "'" in text else "'"
    if mark in text:
        raise InvalidError(f"{text!r} has both kinds of quotes, which no filter can name.")
    return f"{mark}{text}{mark}"


def _time(epoch_ms: object) -> datetime | None:
    return datetime.fromtimestamp(int(str(epoch_ms)) / 1000, timezone.utc) if epoch_ms else None


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _parts(rows: list[dict[str, str]], most: int) -> Iterator[list[dict[str, str]]]:
    for begin in range(0, len(rows), most):
        yield rows[begin : begin + most]


def number_out(value: float) -> float | str:
    """Return a number as MLflow's JSON has it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def number_in(value: object) -> float:
    """Return a number of MLflow's JSON, which has infinities as the largest double."""
    number = float(str(value))
    return math.copysign(math.inf, number) if abs(number) >= LARGEST else number
