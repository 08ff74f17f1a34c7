"""The package, built and installed as people do it, on the oldest Python it is for and, at length, on newer ones."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.portal import Portal
from tests.support.sdk import SDK, client_environ, write_config

VERSIONS = ("3.9", *(pytest.param(version, marks=pytest.mark.proof) for version in ("3.10", "3.12", "3.13")))
REAL_HOME = Path.home()  # read before a test has another
FLOW = """
import os, io, sys
from mlportal import Experiment, Workspace
ws = Workspace.from_config()
with Experiment(ws, "pythons").start_logging() as run:
    run.log_list("loss", [3, 2, 1])
    run.upload_file("a.txt", io.BytesIO(b"hello"))
assert run.get_metrics() == {"loss": [3.0, 2.0, 1.0]}, run.get_metrics()
assert run.download_file("a.txt").read_text() == "hello"
assert ws.get_mlflow_tracking_uri().endswith("/w/default")
from mlportal.mlflow_auth import TrackingAuthProvider
assert TrackingAuthProvider().get_name() == os.environ["MLFLOW_TRACKING_AUTH"]
from mlportal.migration import import_into
from pathlib import Path
run_folder = Path("mlruns/1/" + "a" * 32)
for folder in ("metrics", "params", "tags", "artifacts"):
    (run_folder / folder).mkdir(parents=True)
Path("mlruns/1/meta.yaml").write_text("experiment_id: '1'\\nname: pythons moved\\nlifecycle_stage: active\\n")
(run_folder / "meta.yaml").write_text("run_id: aa\\nrun_name: old\\nstatus: 3\\nstart_time: 1\\nend_time: 2\\n")
(run_folder / "metrics" / "loss").write_text("1 0.5 0\\n2 nan 1\\n")
(run_folder / "artifacts" / "a.txt").write_text("hello")
report = import_into(ws, "mlruns")
assert (report.is_verified, report.counts()["points"], report.counts()["files"]) == (True, 2, 1), report.lines()
import mlportal
print(mlportal.__file__, sys.version_info[:2])
"""


def find_python(version: str) -> Path:
    """Return a Python that can make virtual environments. Skips the test where there is none."""
    root = Path(os.environ.get("PYENV_ROOT", REAL_HOME / ".pyenv"))
    on_path = shutil.which(f"python{version}")
    found = next(iter([*root.glob(f"versions/{version}.*/bin/python"), *([Path(on_path)] if on_path else [])]), None)
    if found is None:
        pytest.skip(f"NOT TESTED: the client on Python {version}, which is not installed.")
    return found


@pytest.fixture(params=VERSIONS)
def python(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a Python of this version that has the package, and only what it needs."""
    environ = {**os.environ, "HOME": str(REAL_HOME)}
    folder = tmp_path / "venv"
    subprocess.run([find_python(request.param), "-m", "venv", folder], check=True, env=environ)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", str(SDK)], check=True, env=environ, capture_output=True)
    return folder / "bin" / "python"


class TestPython:
    def test_runs_the_package(self, python: Path, home: Path, live_portal: Portal, token: str) -> None:
        write_config(home / "work", live_portal)
        environ = client_environ(home, MLPORTAL_TOKEN=token)
        del environ["PYTHONPATH"]

        flow = subprocess.run(
            [python, "-W", "error", "-c", FLOW],
            env=environ,
            cwd=home / "work",
            capture_output=True,
            text=True,
            check=False,
        )
        listed = subprocess.run(
            [python.parent / "mlportal", "run", "list", "-e", "pythons", "-o", "tsv"],
            env=environ,
            cwd=home / "work",
            capture_output=True,
            text=True,
            check=False,
        )

        assert (flow.returncode, flow.stderr) == (0, "")
        assert str(python.parent.parent) in flow.stdout
        assert (listed.returncode, "Completed" in listed.stdout) == (0, True)
