"""A stock MLflow server, and what people have on such servers: the source of imports."""

import math
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput, LoggedModelStatus, Metric

from tests.support.programs import free_port, wait_until

START_MS = 1_700_000_000_000
LONG = 1000
VISION = "视觉 vision"
CLASSIC = "it's 经典"


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Run a stock server on an empty folder and give its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/files"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environ |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", *arguments],
            env=environ,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(lambda: _answers(url), what="mlflow server", timeout_s=120)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # it starts uvicorn as a child
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as response:  # noqa: S310  (our own http)
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def fill(client: MlflowClient, folder: Path) -> dict[str, str]:
    """Log two experiments as people do, every kind of thing; return run ids by name. ``folder``: an empty one."""
    vision = client.create_experiment(VISION, tags={"mlflow.note.content": "# 说明\nall of it", "team": "a/b"})
    ids = {name: _run(client, vision, name, at) for at, name in enumerate(("parent", "子 child", "trashed", "running"))}
    client.set_tag(ids["子 child"], "mlflow.parentRunId", ids["parent"])
    _log_much(client, ids["parent"])
    _log_files(client, ids["parent"], folder)
    _log_inputs(client, ids["子 child"], vision)
    client.log_batch(ids["trashed"], metrics=[Metric("loss", 1 / 3, START_MS, 0)])
    for name, status in (("parent", "FINISHED"), ("子 child", "FAILED"), ("trashed", "KILLED")):
        client.set_terminated(ids[name], status, end_time=START_MS + 60_000)
    client.delete_run(ids["trashed"])
    gone = client.create_experiment("gone", tags={"why": "old"})
    for at, name in enumerate(("old", "older")):
        ids[name] = _run(client, gone, name, at)
        client.log_param(ids[name], "lr", "0.1")
        client.log_metric(ids[name], "loss", 0.5, timestamp=START_MS, step=1)
        client.set_terminated(ids[name], end_time=START_MS + 1)
    client.delete_experiment(gone)
    _register(client, ids["parent"])
    return ids


def _register(client: MlflowClient, run_id: str) -> None:
    """Register a model with two versions, and a third between them that is deleted; and a prompt."""
    client.create_registered_model(CLASSIC, tags={"team": "a/b"}, description="# 模型")
    folder = f"{client.get_run(run_id).info.artifact_uri}/a/b"
    for number in range(3):
        client.create_model_version(CLASSIC, folder, run_id, tags={"n": str(number)}, description=f"no. {number}")
    client.delete_model_version(CLASSIC, "2")
    with warnings.catch_warnings():  # people still have stages
        warnings.simplefilter("ignore")
        client.transition_model_version_stage(CLASSIC, "3", "Staging")
    client.set_registered_model_alias(CLASSIC, "champion", "1")
    prompts = client._get_registry_client()  # type: ignore[no-untyped-call]  # the client's own words for prompts need the fluent API's address
    is_prompt = {"mlflow.prompt.is_prompt": "true"}
    prompts.create_registered_model("hello", is_prompt)
    text = {**is_prompt, "mlflow.prompt.text": "Hello {{who}}"}
    prompts.create_model_version("hello", "dummy-source", tags=text)


def _run(client: MlflowClient, experiment_id: str, name: str, at: int) -> str:
    tags = {"mlflow.user": "张", "mlflow.source.git.commit": "abc", "stage": "dev"}
    run = client.create_run(experiment_id, start_time=START_MS + at, run_name=name, tags=tags)
    return str(run.info.run_id)


def _log_much(client: MlflowClient, run_id: str) -> None:
    points = [Metric("train/loss", 1 / (step + 1), START_MS + step, step) for step in range(LONG)]
    client.log_batch(run_id, metrics=points)
    odd = (math.nan, math.inf, -math.inf, 0.1 + 0.2, -0.0, 5e-324, 1e308)
    client.log_batch(run_id, metrics=[Metric("odd", value, START_MS + at, -at) for at, value in enumerate(odd)])
    client.log_batch(run_id, metrics=[Metric("same step", value, START_MS, 3) for value in (1.0, 2.0, 1.0)])
    client.log_batch(run_id, metrics=[Metric("准确率", 0.9, START_MS, 0)])
    for key, value in {"lr": "0.001", "路径": "数据/训练", "long": "x" * 5000, "empty": "", "a/b": "c\nd"}.items():
        client.log_param(run_id, key, value)


def _log_files(client: MlflowClient, run_id: str, folder: Path) -> None:
    for name, content in {
        "notes.txt": b"hello\n",
        "a/b/c/深.bin": bytes(range(256)) * 5000,
        "a/empty": b"",
        "with space & +.txt": b"odd name",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    client.log_artifacts(run_id, str(folder))


def _log_inputs(client: MlflowClient, run_id: str, experiment_id: str) -> None:
    dataset = MlflowDataset(
        name="训练集",
        digest="d1",
        source_type="local",
        source='{"uri": "train.csv"}',
        schema='{"mlflow_colspec": []}',
        profile='{"num_rows": 2}',
    )
    inputs = [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
    model = client.create_logged_model(
        experiment_id, name="模型", source_run_id=run_id, params={"depth": "3"}, tags={"k": "v"}, model_type="sklearn"
    )
    client.log_inputs(run_id, datasets=inputs, models=[LoggedModelInput(model.model_id)])
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=2)])
    about = {"model_id": model.model_id, "dataset_name": dataset.name, "dataset_digest": dataset.digest}
    point = Metric("val", 0.75, START_MS, 2, run_id=run_id, **about)
    client.log_batch(run_id, metrics=[point, Metric("val", 0.5, START_MS, 1)])
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
