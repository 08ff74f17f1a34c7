"""The stock mlflow client against a live portal."""

import os
from collections.abc import Iterator

import mlflow
import pytest
from mlflow import MlflowClient

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
