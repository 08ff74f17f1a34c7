"""The stock mlflow client against a live server: what it logs is stored, and comes back."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import from_pandas

from tests.support.portal import Portal


@pytest.fixture(params=["below a workspace", "at the root"])
def client(
    request: pytest.FixtureRequest, live_portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MlflowClient]:
    """Return a client with credentials in its URI; the fluent API uses the same, in an experiment of the test's own."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    uri = live_portal.tracking_uri()
    if request.param == "at the root":
        uri = uri.removesuffix("/w/default")
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(f"{request.node.name} {os.urandom(4).hex()}")
    yield MlflowClient()
    while mlflow.active_run():
        mlflow.end_run()


class TestFluent:
    def test_logs_params_metrics_and_tags(self, client: MlflowClient) -> None:
        with mlflow.start_run(run_name="第一次 🚀") as run:
            mlflow.log_param("lr", 0.1)
            mlflow.log_params({"layers": 3, "note": "x" * 500})
            for step in range(10):
                mlflow.log_metric("loss", 1 / (step + 1), step=step)
            mlflow.log_metrics({"acc": 0.5, "nan": float("nan"), "inf": float("inf")}, step=3)
            mlflow.set_tags({"team": "vision", "mlflow.note.content": "# hi"})
            mlflow.delete_tag("team")

        stored = client.get_run(run.info.run_id)
        assert stored.info.run_name == "第一次 🚀"
        assert stored.info.status == "FINISHED"
        assert stored.data.params == {"lr": "0.1", "layers": "3", "note": "x" * 500}
        assert stored.data.metrics["loss"] == 0.1
        assert math.isnan(stored.data.metrics["nan"])
        assert stored.data.tags["mlflow.note.content"] == "# hi"
        assert "team" not in stored.data.tags
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [(point.step, point.value) for point in history] == [(n, 1 / (n + 1)) for n in range(10)]

    def test_logs_asynchronously_and_nested(self, client: MlflowClient) -> None:
        with mlflow.start_run() as parent:
            for step in range(50):
                mlflow.log_metric("m", step, step=step, synchronous=False)
            mlflow.flush_async_logging()
            with mlflow.start_run(nested=True) as child:
                pass

        assert len(client.get_metric_history(parent.info.run_id, "m")) == 50
        assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id

    def test_logs_a_batch_larger_than_a_request(self, client: MlflowClient) -> None:
        with mlflow.start_run() as run:
            mlflow.log_metrics({f"m/{n}": n for n in range(2500)})

        assert len(client.get_run(run.info.run_id).data.metrics) == 2500


class TestArtifacts:
    def test_come_back_as_they_went(self, client: MlflowClient, tmp_path: Path) -> None:
        (tmp_path / "sub 目录").mkdir()
        (tmp_path / "sub 目录" / "a+b 1.bin").write_bytes(os.urandom(3_000_000))
        with mlflow.start_run() as run:
            mlflow.log_artifacts(str(tmp_path), "files")
            mlflow.log_text("hello", "notes/a.txt")
            mlflow.log_dict({"a": [1, 2]}, "d.json")
            mlflow.log_image(np.zeros((8, 8, 3), dtype=np.uint8), key="img", step=1)
            mlflow.log_table({"a": [1, 2]}, "t.json")
            mlflow.log_table({"a": [3]}, "t.json")

        run_id = run.info.run_id
        assert [one.path for one in client.list_artifacts(run_id)] == ["d.json", "files", "images", "notes", "t.json"]
        got = Path(
            mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="files", dst_path=str(tmp_path / "got"))
        )
        name = Path("sub 目录") / "a+b 1.bin"
        assert (got / name).read_bytes() == (tmp_path / name).read_bytes()
        assert mlflow.load_table("t.json", run_ids=[run_id])["a"].tolist() == [1, 2, 3]

    def test_are_deleted(self, client: MlflowClient) -> None:
        with mlflow.start_run() as run:
            mlflow.log_text("x", "a/b.txt")
            client._tracking_client._get_artifact_repo(run.info.run_id).delete_artifacts("a")  # type: ignore[no-untyped-call]

        assert client.list_artifacts(run.info.run_id) == []


class TestSearch:
    def test_finds_runs_and_experiments(self, client: MlflowClient) -> None:
        for number in range(3):
            with mlflow.start_run():
                mlflow.log_metric("loss", number)
                mlflow.log_param("n", number)

        found = mlflow.search_runs(
            filter_string="metrics.loss >= 1 and params.n != '5'", order_by=["metrics.loss DESC"]
        )
        assert found["metrics.loss"].tolist() == [2.0, 1.0]
        both = mlflow.search_runs(filter_string="params.n = '0' OR metrics.loss > 1")
        assert sorted(both["params.n"]) == ["0", "2"]
        name = client.get_experiment(found["experiment_id"][0]).name
        assert [one.name for one in mlflow.search_experiments(filter_string=f"name = '{name}'")] == [name]

    def test_deletes_restores_and_renames(self, client: MlflowClient) -> None:
        with mlflow.start_run() as run:
            pass
        client.delete_run(run.info.run_id)
        assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
        client.restore_run(run.info.run_id)
        client.rename_experiment(run.info.experiment_id, f"renamed {run.info.run_id}")
        client.delete_experiment(run.info.experiment_id)
        client.restore_experiment(run.info.experiment_id)

        assert client.get_experiment(run.info.experiment_id).name == f"renamed {run.info.run_id}"
        assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"


class TestModels:
    @pytest.mark.filterwarnings("ignore")  # scikit-learn's and mlflow's own
    def test_are_logged_and_loaded(self, client: MlflowClient) -> None:
        from sklearn.linear_model import LogisticRegression

        features, labels = pd.DataFrame({"a": np.arange(20.0)}), np.arange(20) % 2
        with mlflow.start_run() as run:
            mlflow.log_input(from_pandas(features, name="train"), context="training")
            model = LogisticRegression().fit(features, labels)
            info = mlflow.sklearn.log_model(model, name="model")

        expected = model.predict(features).tolist()
        for uri in (info.model_uri, f"runs:/{run.info.run_id}/model"):
            assert mlflow.sklearn.load_model(uri).predict(features).tolist() == expected
        stored = client.get_run(run.info.run_id)
        assert stored.inputs and stored.outputs
        assert [one.dataset.name for one in stored.inputs.dataset_inputs] == ["train"]
        assert [one.model_id for one in stored.outputs.model_outputs] == [info.model_id]
        assert len(mlflow.search_logged_models(experiment_ids=[run.info.experiment_id])) == 1

    @pytest.mark.filterwarnings("ignore")
    def test_are_logged_by_autolog(self, client: MlflowClient) -> None:
        from sklearn.linear_model import LogisticRegression

        features, labels = pd.DataFrame({"a": np.arange(20.0)}), np.arange(20) % 2
        mlflow.sklearn.autolog()
        try:
            with mlflow.start_run() as run:
                LogisticRegression().fit(features, labels)
        finally:
            mlflow.sklearn.autolog(disable=True)

        stored = client.get_run(run.info.run_id)
        assert "training_accuracy_score" in stored.data.metrics
        assert stored.data.params["C"] == "1.0"
        assert stored.outputs
        (output,) = stored.outputs.model_outputs
        metrics = client.get_logged_model(output.model_id).metrics or []
        assert "training_accuracy_score" in {metric.key for metric in metrics}
