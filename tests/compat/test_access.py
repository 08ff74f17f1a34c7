"""The ways in which the stock client says who asks, and in which workspace."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import mlflow
import pytest
from mlflow import MlflowClient

from tests.support.portal import Portal

CREATE_WORKSPACE = """
from tracking.core.clock import utc_now
from tracking.runs.services import create_default_experiment
from tracking.workspaces.models import ResourceGroup, Workspace
from tracking.workspaces.services import create_workspace
if not Workspace.objects.filter(name="lab").exists():
    lab = create_workspace(name="lab", group=ResourceGroup.objects.get(name="default"), by=None, now=utc_now())
    create_default_experiment(workspace=lab, by=None, now=utc_now())
"""


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail at once, and forget the workspace afterwards."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    yield
    mlflow.set_workspace(None)


def token_of(uri: str) -> str:
    token = urlsplit(uri).password
    assert token
    return token


class TestToken:
    def test_is_taken_from_the_environment_as_bearer(
        self, live_portal: Portal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token_of(live_portal.tracking_uri()))

        for uri in (f"{live_portal.url}/w/default", f"{live_portal.url}/w/default/", live_portal.url):
            client = MlflowClient(uri)
            run = client.create_run("0")
            client.log_metric(run.info.run_id, "m", 1)
            client.log_text(run.info.run_id, "hello", "a.txt")

            assert client.get_run(run.info.run_id).data.metrics == {"m": 1.0}
            assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["a.txt"]

    def test_is_taken_as_a_password(self, live_portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "anyone")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", token_of(live_portal.tracking_uri()))

        assert MlflowClient(f"{live_portal.url}/w/default").get_experiment("0").name == "Default"

    @pytest.mark.parametrize("token", ["", "mlp_" + "0" * 46, "secret"])
    def test_that_is_none_is_refused_with_advice(
        self, live_portal: Portal, monkeypatch: pytest.MonkeyPatch, token: str
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)

        with pytest.raises(mlflow.MlflowException, match="token") as caught:
            MlflowClient(f"{live_portal.url}/w/default").get_experiment("0")

        assert caught.value.error_code == "UNAUTHENTICATED"


class TestWorkspace:
    def test_is_chosen_by_set_workspace_at_the_root(self, live_portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
        live_portal.manage("shell", "-c", CREATE_WORKSPACE)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token_of(live_portal.tracking_uri("lab")))
        client = MlflowClient(live_portal.url)

        mlflow.set_workspace("lab")
        run = client.create_run("0")
        client.log_text(run.info.run_id, "hello", "a.txt")

        experiment = client.get_experiment(run.info.experiment_id)
        assert (experiment.name, experiment.workspace) == ("Default", "lab")
        assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["a.txt"]
        below = MlflowClient(f"{live_portal.url}/w/lab")
        assert below.get_run(run.info.run_id).info.run_id == run.info.run_id

    def test_that_the_token_is_not_for_is_not_found(self, live_portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
        live_portal.manage("shell", "-c", CREATE_WORKSPACE)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token_of(live_portal.tracking_uri()))

        for name in ("lab", "none"):
            mlflow.set_workspace(name)
            with pytest.raises(mlflow.MlflowException, match=f"Workspace '{name}' not found"):
                MlflowClient(live_portal.url).get_experiment("0")

    def test_in_the_uri_and_by_name_must_agree(self, live_portal: Portal) -> None:
        uri = live_portal.tracking_uri()

        mlflow.set_workspace("default")
        assert MlflowClient(uri).get_experiment("0").name == "Default"
        mlflow.set_workspace("lab")
        with pytest.raises(mlflow.MlflowException, match="the header X-MLFLOW-WORKSPACE names 'lab'"):
            MlflowClient(uri).get_experiment("0")

    def test_is_listed(self, live_portal: Portal) -> None:
        mlflow.set_tracking_uri(live_portal.tracking_uri())

        assert [one.name for one in mlflow.list_workspaces()] == ["default"]
        assert mlflow.get_workspace("default").name == "default"
