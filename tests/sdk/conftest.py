"""The client package against a live portal, in an environment that has nothing of the developer's."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlportal import Experiment, Workspace

from tests.sdk.cli import Cli, runner
from tests.support.portal import Portal
from tests.support.sdk import new_access_token

# Through HTTP a client sees no database: what takes long runs on one of them.
ON_ONE_DATABASE = ("test_docs.py", "test_doctor.py", "test_pythons.py", "test_tracking.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave those out on PostgreSQL."""
    is_left_out = collection_path.name in ON_ONE_DATABASE and config.getoption("--database") == "postgres"
    return True if is_left_out else None


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
    """Return an access token of the owner of everything."""
    return new_access_token(live_portal)


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


@pytest.fixture
def cli(
    live_portal: Portal, token: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Cli]:
    """Return a function that runs ``mlportal …`` as the owner, at the portal, in this process."""
    monkeypatch.setenv("MLPORTAL_TOKEN", token)
    monkeypatch.setenv("MLPORTAL_ENDPOINT", live_portal.url)
    yield runner(monkeypatch, capsys)
    gc.collect()  # closes connections while it is known whose they are


@pytest.fixture
def name() -> str:
    """Return a name that nothing has."""
    return f"t-{os.urandom(4).hex()}"
