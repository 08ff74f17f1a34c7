"""Runs, params, metrics, tags and datasets that the stock client logs are stored, and come back."""

import math
import time

import mlflow
import pandas as pd  # type: ignore[import-untyped]
import pytest
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import Metric, Param, RunTag

DEADLINE_S = 30


class TestRun:
    def test_keeps_params_metrics_and_tags(self, client: MlflowClient) -> None:
        with mlflow.start_run(run_name="第一次 🚀", description="# hi", tags={"a": "1"}) as run:
            mlflow.log_param("lr", 0.1)
            mlflow.log_params({"layers": 3, "note": "x" * 500})
            for step in range(10):
                mlflow.log_metric("loss", 1 / (step + 1), step=step)
            mlflow.log_metrics({"acc": 0.5, "nan": float("nan"), "inf": float("inf")}, step=3)
            mlflow.set_tags({"team": "vision", "a": "2"})
            mlflow.delete_tag("team")

        stored = client.get_run(run.info.run_id)
        assert stored.info.run_name == stored.data.tags["mlflow.runName"] == "第一次 🚀"
        assert stored.info.status == "FINISHED"
        assert stored.info.start_time <= stored.info.end_time
        assert stored.data.params == {"lr": "0.1", "layers": "3", "note": "x" * 500}
        assert stored.data.metrics["loss"] == 0.1
        assert math.isnan(stored.data.metrics["nan"])
        assert stored.data.tags["mlflow.note.content"] == "# hi"
        assert stored.data.tags["a"] == "2"
        assert "team" not in stored.data.tags
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [(point.step, point.value) for point in history] == [(n, 1 / (n + 1)) for n in range(10)]

    def test_gets_a_name_when_nobody_gave_one(self, client: MlflowClient) -> None:
        with mlflow.start_run() as run:
            pass

        assert run.info.run_name
        assert client.get_run(run.info.run_id).info.run_name == run.info.run_name

    def test_that_raises_has_failed(self, client: MlflowClient) -> None:
        with pytest.raises(RuntimeError), mlflow.start_run() as run:
            raise RuntimeError

        assert client.get_run(run.info.run_id).info.status == "FAILED"

    def test_goes_on_where_it_was_left(self, client: MlflowClient) -> None:
        with mlflow.start_run() as run:
            mlflow.log_metric("m", 1, step=1)
        with mlflow.start_run(run_id=run.info.run_id):
            mlflow.log_metric("m", 2, step=2)

        assert client.get_run(run.info.run_id).data.metrics == {"m": 2.0}
        assert len(client.get_metric_history(run.info.run_id, "m")) == 2

    def test_refuses_another_value_for_a_param(self, client: MlflowClient) -> None:
        with mlflow.start_run():
            mlflow.log_param("lr", 1)
            mlflow.log_param("lr", 1)

            with pytest.raises(mlflow.MlflowException, match="already logged with value='1'"):
                mlflow.log_param("lr", 2)

    def test_is_renamed_and_ended_by_hand(self, client: MlflowClient) -> None:
        experiment = client.get_run(self._new_run()).info.experiment_id
        run = client.create_run(experiment, start_time=1_000, run_name="a")

        client.update_run(run.info.run_id, status="KILLED", name="b")
        client.set_terminated(run.info.run_id, "FAILED", end_time=2_000)

        info = client.get_run(run.info.run_id).info
        assert (info.run_name, info.status, info.start_time, info.end_time) == ("b", "FAILED", 1_000, 2_000)

    def _new_run(self) -> str:
        with mlflow.start_run() as run:
            return str(run.info.run_id)


class TestBatch:
    def test_larger_than_a_request_arrives_whole(self, client: MlflowClient) -> None:
        with mlflow.start_run() as run:
            mlflow.log_metrics({f"m/{n}": n for n in range(2500)})
            mlflow.log_params({f"p{n}": n for n in range(250)})

        data = client.get_run(run.info.run_id).data
        assert data.metrics == {f"m/{n}": float(n) for n in range(2500)}
        assert data.params == {f"p{n}": str(n) for n in range(250)}

    def test_of_a_client_is_kept(self, client: MlflowClient) -> None:
        with mlflow.start_run() as run:
            client.log_batch(
                run.info.run_id,
                metrics=[Metric("m", value, timestamp, step) for value, timestamp, step in ((1, 5, -1), (2, 6, 7))],
                params=[Param("p", "1")],
                tags=[RunTag("t", "2")],
            )

        history = client.get_metric_history(run.info.run_id, "m")
        assert [(one.value, one.timestamp, one.step) for one in history] == [(1, 5, -1), (2, 6, 7)]

    def test_sent_in_the_background_arrives_with_the_flush(self, client: MlflowClient) -> None:
        with mlflow.start_run() as run:
            for step in range(50):
                mlflow.log_metric("m", step, step=step, synchronous=False)
            mlflow.log_metrics({"a": 1, "b": 2}, synchronous=False)
            mlflow.log_params({"p": 1, "q": 2}, synchronous=False)
            mlflow.set_tags({"t": "1"}, synchronous=False)
            mlflow.flush_async_logging()

            stored = client.get_run(run.info.run_id).data

        assert stored.metrics == {"m": 49.0, "a": 1.0, "b": 2.0}
        assert stored.params == {"p": "1", "q": "2"}
        assert stored.tags["t"] == "1"
        assert len(client.get_metric_history(run.info.run_id, "m")) == 50


class TestNested:
    def test_runs_are_found_by_their_parent(self, client: MlflowClient) -> None:
        with mlflow.start_run() as parent:
            for number in range(3):
                with mlflow.start_run(nested=True):
                    mlflow.log_param("n", number)

        found = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
        assert sorted(found["params.n"]) == ["0", "1", "2"]
        top = mlflow.search_runs(filter_string="tags.`mlflow.parentRunId` IS NULL")
        assert top["run_id"].tolist() == [parent.info.run_id]


class TestDataset:
    @pytest.mark.filterwarnings("ignore")  # mlflow's guesses about sources
    def test_is_stored_once_and_found_by_name_digest_and_context(self, client: MlflowClient) -> None:
        train = from_pandas(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}), source="data.csv", name="train")
        with mlflow.start_run() as run:
            mlflow.log_input(train, context="training", tags={"k": "v"})
            mlflow.log_input(train, context="training")
            mlflow.log_input(from_pandas(pd.DataFrame({"a": [3.0]}), name="test"), context="eval")
        with mlflow.start_run():
            pass

        stored = client.get_run(run.info.run_id).inputs
        assert stored
        inputs = stored.dataset_inputs
        assert [one.dataset.name for one in inputs] == ["train", "test"]
        assert inputs[0].dataset.digest == train.digest
        assert inputs[0].dataset.schema == str(train.to_dict()["schema"])
        assert {tag.key: tag.value for tag in inputs[0].tags} == {"mlflow.data.context": "training", "k": "v"}
        for filter_ in ("dataset.name = 'train'", f"datasets.digest = '{train.digest}'", "dataset.context = 'eval'"):
            assert mlflow.search_runs(filter_string=filter_)["run_id"].tolist() == [run.info.run_id]
        assert mlflow.search_runs(filter_string="dataset.context = 'none'").empty


class TestSystemMetrics:
    @pytest.mark.filterwarnings("ignore")  # mlflow's own, about graphics cards that are not there
    def test_are_logged_beside_the_run(self, client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.2")
        monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", "1")
        with mlflow.start_run(log_system_metrics=True) as run:
            deadline = time.monotonic() + DEADLINE_S
            while time.monotonic() < deadline:
                if len(client.get_metric_history(run.info.run_id, "system/cpu_utilization_percentage")) > 1:
                    break
                time.sleep(0.1)

        stored = client.get_run(run.info.run_id)
        assert stored.info.status == "FINISHED"
        names = {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"}
        assert names <= set(stored.data.metrics)
        history = client.get_metric_history(run.info.run_id, "system/cpu_utilization_percentage")
        assert [point.step for point in history] == list(range(len(history)))
        assert len(history) > 1
