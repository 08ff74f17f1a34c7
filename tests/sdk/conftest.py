"""The client package against a live portal, in an environment that has nothing of the developer's."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mlportal import Experiment, Workspace

from tests.support.portal import Portal


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home folder of a new user, whose current folder is ``work`` in it."""
    for name in os.environ:
        if name.startswith(("MLPORTAL_", "MLFLOW_", "XDG_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    (folder / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder / "work")
    return folder


@pytest.fixture(scope="module")
def token(live_portal: Portal) -> str:
    """Return a credential for workspace ``default``."""
    return urlsplit(live_portal.tracking_uri()).password or ""


@pytest.fixture
def workspace(live_portal: Portal, token: str) -> Iterator[Workspace]:
    """Return workspace ``default``."""
    workspace = Workspace(workspace_name="default", auth=token, endpoint=live_portal.url)
    yield workspace
    workspace._transport.close()


@pytest.fixture
def experiment(workspace: Workspace, request: pytest.FixtureRequest) -> Experiment:
    """Return an experiment of the test's own; it does not exist yet."""
    return Experiment(workspace, f"{request.node.name} {os.urandom(4).hex()}")
