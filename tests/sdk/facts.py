"""What the stock client finds in a place, so that two places can be compared."""

import math
import sys
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Experiment, LoggedModel, Run, ViewType
from mlflow.entities.model_registry import ModelVersion
from mlportal import Workspace

from tests.support.foreign import VISION

SOURCE, DONE = "mlportal.import.source", "mlportal.import.done"


def stock(workspace: Workspace) -> MlflowClient:
    """Return the stock client in a workspace."""
    return MlflowClient(workspace.get_mlflow_tracking_uri(with_auth=True))


def all_runs(client: MlflowClient) -> list[Run]:
    """Return every run, deleted ones too."""
    experiments = [one.experiment_id for one in client.search_experiments(view_type=ViewType.ALL)]
    return list(client.search_runs(experiments, run_view_type=ViewType.ALL, order_by=["start_time ASC"]))


def facts(client: MlflowClient, folder: Path | None) -> dict[str, dict[str, Any]]:
    """Return all that a client finds, by the names of runs; ids are told by the names of what they are of."""
    runs = all_runs(client)
    names = {run.info.run_id: run.info.run_name for run in runs}
    experiments = {one.experiment_id: one for one in client.search_experiments(view_type=ViewType.ALL)}
    models = client.search_logged_models([one.experiment_id for one in experiments.values() if one.name == VISION])
    names |= {model.model_id: model.name for model in models}
    return {
        run.info.run_name: {
            "experiment": _experiment(experiments[run.info.experiment_id]),
            "info": (run.info.status, run.info.start_time, run.info.end_time, run.info.lifecycle_stage),
            "params": run.data.params,
            "tags": {key: names.get(value, value) for key, value in run.data.tags.items() if key not in (SOURCE, DONE)},
            "points": {key: _points(client, run, key) for key in run.data.metrics},
            "datasets": [one.to_dictionary() for one in run.inputs.dataset_inputs] if run.inputs else [],
            "models in": [names[one.model_id] for one in run.inputs.model_inputs] if run.inputs else [],
            "models out": [(names[one.model_id], one.step) for one in run.outputs.model_outputs] if run.outputs else [],
            "models": [_model(one) for one in models if one.source_run_id == run.info.run_id],
            "files": files_of(client, run.info.run_id, folder),
        }
        for run in runs
    }


def registry(client: MlflowClient) -> dict[str, Any]:
    """Return all registered models, prompts too, and their versions; runs are told by their names."""
    names = {run.info.run_id: run.info.run_name for run in all_runs(client)}
    found = {}
    for prompts in ("", "tags.`mlflow.prompt.is_prompt` = 'true'"):
        versions = client.search_model_versions(prompts)
        for one in client.search_registered_models(prompts):
            mine = {int(v.version): _version(v, names) for v in versions if v.name == one.name}
            found[one.name] = (one.description or "", dict(one._tags), dict(one.aliases), mine)
    return found


def _version(one: ModelVersion, names: dict[str, str]) -> tuple[Any, ...]:
    tags = {key: value for key, value in one.tags.items() if key != SOURCE}
    is_file = bool(one.run_id) and not (one.source or "").startswith("models:")
    below = (one.source or "").rpartition(f"{one.run_id}/")[2].replace("artifacts/", "") if is_file else ""
    return (one.description or "", one.current_stage, tags, names.get(one.run_id or ""), below)


def _experiment(one: Experiment) -> tuple[Any, ...]:
    return (one.name, one.lifecycle_stage, dict(one.tags))


def _points(client: MlflowClient, run: Run, key: str) -> list[tuple[int, int, str]]:
    history = client.get_metric_history(run.info.run_id, key)
    return sorted({(point.step, point.timestamp, repr(_on_the_wire(point.value))) for point in history})


def _on_the_wire(value: float) -> float:
    """Return what MLflow's JSON has for a number: the largest double for infinity."""
    return math.copysign(sys.float_info.max, value) if math.isinf(value) else value


def _model(one: LoggedModel) -> tuple[Any, ...]:
    tags = {key: value for key, value in one.tags.items() if key != SOURCE}
    metrics = [(m.key, m.value, m.step, m.dataset_name, m.dataset_digest) for m in one.metrics or ()]
    return (one.name, one.model_type, str(one.status), dict(one.params or {}), tags, metrics)


def files_of(client: MlflowClient, run_id: str, folder: Path | None) -> dict[str, bytes]:
    """Return the content of each file of a run, downloaded below ``folder``; none without one."""
    if folder is None or not client.list_artifacts(run_id):
        return {}
    target = folder / run_id
    target.mkdir(parents=True)
    return content(Path(client.download_artifacts(run_id, "", str(target))))


def content(root: Path) -> dict[str, bytes]:
    """Return what is in each file below a folder."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
