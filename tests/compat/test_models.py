"""Models that the stock client logs, finds, and loads again."""

from typing import Any

import mlflow
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

pytestmark = pytest.mark.filterwarnings("ignore")  # scikit-learn's and mlflow's own

# To find out what a model needs, mlflow loads it in a process of its own, which takes seconds: autolog's test lets it.
NEEDS = ["scikit-learn"]
FEATURES, LABELS = pd.DataFrame({"a": np.arange(20.0)}), np.arange(20) % 2


@pytest.fixture
def fitted() -> Any:
    return LogisticRegression().fit(FEATURES, LABELS)


class TestLogModel:
    def test_loads_by_run_and_by_model(self, client: MlflowClient, fitted: Any) -> None:
        with mlflow.start_run() as run:
            info = mlflow.sklearn.log_model(fitted, name="model", params={"C": 1.0}, step=7, pip_requirements=NEEDS)

        expected = fitted.predict(FEATURES).tolist()
        for uri in (info.model_uri, f"runs:/{run.info.run_id}/model", f"models:/{info.model_id}"):
            assert mlflow.sklearn.load_model(uri).predict(FEATURES).tolist() == expected
            assert mlflow.pyfunc.load_model(uri).predict(FEATURES).tolist() == expected
        outputs = client.get_run(run.info.run_id).outputs
        assert outputs
        (output,) = outputs.model_outputs
        assert (output.model_id, output.step) == (info.model_id, 7)
        stored = client.get_logged_model(info.model_id)
        assert (stored.name, stored.status, stored.source_run_id) == ("model", "READY", run.info.run_id)
        assert stored.params == {"C": "1.0"}

    def test_outside_a_run_is_kept_too(self, client: MlflowClient, fitted: Any) -> None:
        info = mlflow.sklearn.log_model(fitted, name="alone", pip_requirements=NEEDS)

        loaded = mlflow.sklearn.load_model(info.model_uri)
        assert loaded.predict(FEATURES).tolist() == fitted.predict(FEATURES).tolist()

    def test_takes_tags_params_and_metrics(self, client: MlflowClient, fitted: Any) -> None:
        with mlflow.start_run() as run:
            model_id = mlflow.sklearn.log_model(fitted, name="model", pip_requirements=NEEDS).model_id
            mlflow.log_metric("acc", 0.5, model_id=model_id)
        client.set_logged_model_tags(model_id, {"stage": "shadow", "gone": "1"})
        client.delete_logged_model_tag(model_id, "gone")
        client.log_model_params(model_id, {"depth": "3"})

        stored = client.get_logged_model(model_id)
        assert stored.tags["stage"] == "shadow"
        assert "gone" not in stored.tags
        assert stored.params == {"depth": "3"}
        assert stored.metrics is not None
        assert [(one.key, one.value, one.run_id) for one in stored.metrics] == [("acc", 0.5, run.info.run_id)]
        client.delete_logged_model(model_id)
        with pytest.raises(mlflow.MlflowException, match="not found"):
            client.get_logged_model(model_id)


class TestAutolog:
    def test_logs_params_metrics_datasets_and_a_model(self, client: MlflowClient) -> None:
        mlflow.sklearn.autolog()
        try:
            with mlflow.start_run() as run:
                fitted = LogisticRegression().fit(FEATURES, LABELS)
        finally:
            mlflow.sklearn.autolog(disable=True)

        stored = client.get_run(run.info.run_id)
        assert stored.data.metrics["training_accuracy_score"] == fitted.score(FEATURES, LABELS)
        assert stored.data.params["C"] == "1.0"
        assert stored.inputs and stored.outputs
        assert len(stored.inputs.dataset_inputs) == 1
        (output,) = stored.outputs.model_outputs
        metrics = client.get_logged_model(output.model_id).metrics or []
        assert "training_accuracy_score" in {metric.key for metric in metrics}
        assert {"estimator.html", "training_confusion_matrix.png"} <= {
            one.path for one in client.list_artifacts(run.info.run_id)
        }
        loaded = mlflow.sklearn.load_model(f"models:/{output.model_id}")
        assert loaded.predict(FEATURES).tolist() == fitted.predict(FEATURES).tolist()


class TestSearch:
    def test_filters_orders_and_pages(self, client: MlflowClient, fitted: Any) -> None:
        with mlflow.start_run() as run:
            for number in range(3):
                made = mlflow.initialize_logged_model(name=f"m{number}", params={"n": str(number)})
                mlflow.log_metric("acc", number / 10, model_id=made.model_id)
        experiment = run.info.experiment_id

        found = mlflow.search_logged_models(
            [experiment],
            filter_string="metrics.acc > 0.05",
            order_by=[{"field_name": "metrics.acc", "ascending": False}],
            output_format="list",
        )
        first = client.search_logged_models([experiment], max_results=2)
        rest = client.search_logged_models([experiment], max_results=2, page_token=first.token)

        assert [one.name for one in found] == ["m2", "m1"]
        assert [one.name for one in [*first, *rest]] == ["m2", "m1", "m0"]
        assert client.finalize_logged_model(first[0].model_id, "READY").status == "READY"
