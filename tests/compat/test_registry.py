"""Registered models through the stock client: versions, aliases, stages, prompts, and loading by each."""

import os
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression

pytestmark = pytest.mark.filterwarnings("ignore")  # mlflow's own, about stages among others


FEATURES = np.arange(20.0).reshape(-1, 1)


@pytest.fixture
def name() -> str:
    return f"net {os.urandom(4).hex()}"


def log(name: str | None = None) -> Any:
    fitted = LogisticRegression().fit(FEATURES, np.arange(20) % 2)
    with mlflow.start_run():
        return mlflow.sklearn.log_model(
            fitted, name="model", pip_requirements=["scikit-learn"], registered_model_name=name
        )


def predictions(uri: str) -> int:
    """Load a model and return how many values it predicts."""
    return len(mlflow.sklearn.load_model(uri).predict(FEATURES))


class TestRegister:
    def test_by_logging_loads_by_number_alias_and_stage(self, client: MlflowClient, name: str) -> None:
        first = log(name)
        log(name)
        client.set_registered_model_alias(name, "champion", "1")
        client.transition_model_version_stage(name, "2", "Staging", archive_existing_versions=True)

        for which in ("/1", "@champion", "/latest", "/staging"):
            assert predictions(f"models:/{name}{which}") == 20
        version = client.get_model_version_by_alias(name, "champion")
        assert (int(version.version), version.run_id, version.aliases) == (1, first.run_id, ["champion"])
        assert client.get_model_version_download_uri(name, "1").startswith("mlflow-artifacts:/")
        assert client.get_registered_model(name).aliases == {"champion": "1"}

    def test_afterwards_and_of_files_of_a_run(self, client: MlflowClient, name: str, tmp_path: Path) -> None:
        info = log()
        (tmp_path / "weights.txt").write_text("1")
        with mlflow.start_run() as run:
            mlflow.log_artifact(str(tmp_path / "weights.txt"), "own")

        logged = mlflow.register_model(info.model_uri, name, tags={"team": "a"})
        copied = client.copy_model_version(f"models:/{name}/1", f"{name} copy")
        client.create_model_version(name, f"{run.info.artifact_uri}/own", run.info.run_id)

        assert (logged.run_id, logged.tags) == (info.run_id, {"team": "a"})
        assert predictions(f"models:/{copied.name}/{copied.version}") == 20
        files = mlflow.artifacts.download_artifacts(f"models:/{name}/2", dst_path=str(tmp_path / "got"))
        assert (Path(files) / "weights.txt").read_text() == "1"


class TestChange:
    def test_is_found_again(self, client: MlflowClient, name: str) -> None:
        client.create_registered_model(name, tags={"team": "a"}, description="d")
        for _ in range(2):
            client.create_model_version(name, "s3://bucket/model", tags={"k": "v"})
        client.set_registered_model_tag(name, "more", "1")
        client.set_model_version_tag(name, "1", "seen", "yes")
        client.delete_model_version_tag(name, "1", "k")
        client.update_model_version(name, "1", "text")
        client.rename_registered_model(name, f"{name} b")
        client.set_registered_model_alias(f"{name} b", "best", "2")
        client.delete_registered_model_alias(f"{name} b", "best")
        client.delete_model_version(f"{name} b", "2")

        (model,) = client.search_registered_models(f"name = '{name} b' AND tags.team = 'a'")
        (version,) = client.search_model_versions(f"name = '{name} b'")
        assert (model.description, model.tags) == ("d", {"team": "a", "more": "1"})
        assert (int(version.version), version.description, version.tags) == (1, "text", {"seen": "yes"})
        assert [int(one.version) for one in client.get_latest_versions(f"{name} b", ["None"])] == [1]
        client.delete_registered_model(f"{name} b")
        with pytest.raises(MlflowException, match="not found"):
            client.get_registered_model(f"{name} b")


class TestPrompt:
    def test_is_registered_and_loaded(self, client: MlflowClient, name: str) -> None:
        prompt = name.replace(" ", "-")

        mlflow.genai.register_prompt(prompt, "Hello {{who}}", tags={"team": "a"})
        mlflow.genai.set_prompt_alias(prompt, "live", 1)

        assert mlflow.genai.load_prompt(f"prompts:/{prompt}@live").format(who="Ann") == "Hello Ann"
        assert prompt not in [one.name for one in client.search_registered_models()]
