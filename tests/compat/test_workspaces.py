"""Workspaces, locks and quotas as the stock client meets them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException

from tests.support.portal import Portal, prepared_environ

OWNERS_TOKEN = """
from tracking.core.clock import utc_now
from tracking.identity.queries import get_user
from tracking.identity.services import issue_access_token
print(issue_access_token(user=get_user(username="owner"), name="test", now=utc_now()).text)
"""


@pytest.fixture(scope="module")
def token(live_portal: Portal) -> str:
    """Return an access token of the owner."""
    return live_portal.manage("shell", "-c", OWNERS_TOKEN).splitlines()[-1]


@pytest.fixture
def api(live_portal: Portal, token: str) -> Iterator[httpx.Client]:
    """Return a client of the REST API v1."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{live_portal.url}/api/v1/", headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def name(live_portal: Portal, token: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make a workspace by the stock client, which may try again five times."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")
    mlflow.set_tracking_uri(live_portal.url)
    name = f"lab-{os.urandom(4).hex()}"
    mlflow.create_workspace(name, description="made by the client")
    yield name
    mlflow.set_workspace(None)


class TestWorkspace:
    def test_is_made_described_listed_and_deleted(self, name: str) -> None:
        assert mlflow.get_workspace(name).description == "made by the client"
        assert name in [one.name for one in mlflow.list_workspaces()]

        mlflow.update_workspace(name, description="changed")
        assert mlflow.get_workspace(name).description == "changed"

        mlflow.delete_workspace(name)
        with pytest.raises(MlflowException, match="not found"):
            mlflow.get_workspace(name)

    def test_goes_on_under_its_former_name(self, live_portal: Portal, api: httpx.Client, name: str) -> None:
        client = MlflowClient(f"{live_portal.url}/w/{name}")
        run = client.create_run("0").info.run_id

        assert api.patch(f"workspaces/{name}", json={"name": f"{name}-b"}).status_code == 200

        client.log_metric(run, "loss", 1.0)
        client.log_text(run, "hello", "a.txt")
        assert MlflowClient(f"{live_portal.url}/w/{name}-b").get_run(run).data.metrics == {"loss": 1.0}


class TestRefusal:
    """Comes at once: what the client tries again (429, 5xx), it reports as something else when it gives up."""

    def test_by_a_lock_names_it(self, live_portal: Portal, api: httpx.Client, name: str) -> None:
        client = MlflowClient(f"{live_portal.url}/w/{name}")
        run = client.create_run("0").info.run_id
        assert api.post(f"workspaces/{name}/locks", json={"name": "audit", "level": "ReadOnly"}).status_code == 201

        with pytest.raises(RestException, match="ReadOnly lock 'audit'") as caught:
            client.log_metric(run, "loss", 1.0)

        assert caught.value.error_code == "PERMISSION_DENIED"
        assert api.delete(f"workspaces/{name}/locks/audit").status_code == 204
        client.log_metric(run, "loss", 1.0)

    def test_by_a_quota_says_how_much_there_may_be(self, live_portal: Portal, api: httpx.Client, name: str) -> None:
        client = MlflowClient(f"{live_portal.url}/w/{name}")
        run = client.create_run("0").info.run_id
        assert api.patch(f"workspaces/{name}", json={"quota_runs": 1, "quota_bytes": 10}).status_code == 200

        with pytest.raises(RestException, match="may hold 1 runs") as caught:
            client.create_run("0")
        with pytest.raises(OSError, match="may hold 10 bytes of artifacts"):
            client.log_text(run, "more than ten bytes", "a.txt")

        assert caught.value.error_code == "QUOTA_EXCEEDED"
        client.log_text(run, "ten bytes.", "b.txt")
        assert [file.path for file in client.list_artifacts(run)] == ["b.txt"]


@pytest.mark.proof
class TestEveryProcess:
    def test_knows_of_a_lock_and_of_its_end_after_a_second(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each request may meet either process; both have served the run before, and remember that they might."""
        portal = Portal.launch(prepared_environ(tmp_path, PORTAL_WEB_PROCESSES="2"), log=tmp_path / "portal.log")
        try:
            token = portal.manage("shell", "-c", OWNERS_TOKEN).splitlines()[-1]
            monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
            run = MlflowClient(f"{portal.url}/w/default").create_run("0").info.run_id

            def statuses() -> set[int]:
                body = {"run_id": run, "key": "loss", "value": 1.0, "timestamp": 1}
                path = f"{portal.url}/w/default/api/2.0/mlflow/runs/log-metric"
                headers = {"Authorization": f"Bearer {token}"}
                return {httpx.post(path, json=body, headers=headers, timeout=30).status_code for _ in range(40)}

            with httpx.Client(base_url=portal.url, headers={"Authorization": f"Bearer {token}"}) as api:
                before = statuses()
                api.post("/api/v1/groups/default/locks", json={"name": "audit", "level": "ReadOnly"}).raise_for_status()
                time.sleep(1)
                locked = statuses()
                api.delete("/api/v1/groups/default/locks/audit").raise_for_status()
                time.sleep(1)
                unlocked = statuses()
        finally:
            portal.stop()

        assert (before, locked, unlocked) == ({200}, {403}, {200})
