"""The servers that are measured: each with its defaults, on a database and in a folder of its own."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.api import Api
from bench.databases import Database
from portal.env import BASE_DIR
from tests.support.portal import SERVE, new_environ
from tests.support.programs import free_port, wait_until

OURS, OURS_NORMAL, MLFLOW, FASTTRACKML = "mlportal", "mlportal, NORMAL", "MLflow", "FastTrackML"
FASTTRACKML_VERSION = "0.6.0"
START_TIMEOUT_S = 600
STOP_TIMEOUT_S = 20
TOKEN_LIFE_S = 1800  # half of a tracking token's


class Server:
    """A server that can be started, stopped and started again."""

    name = ""
    stores_artifacts = True
    removes_for_good = True

    def __init__(self, folder: Path, database: Database) -> None:
        folder.mkdir(parents=True)
        self.folder, self.database, self.port = folder, database, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pids(self) -> list[int]:
        """The roots of the process trees whose CPU is the server's, its database included."""
        return [*self.own_pids, *self.database.pids]

    @property
    def own_pids(self) -> list[int]:
        return [self.process.pid] if self.process else []

    def command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def environ(self) -> Mapping[str, str]:
        """Return the environment; with compiled bytecode kept, whatever the developer's shell says."""
        return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def api(self) -> Api:
        """Return how to reach it."""
        return Api(f"http://127.0.0.1:{self.port}")

    def start(self) -> float:
        """Start it and return how many seconds passed until it answered 200."""
        started = time.perf_counter()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=BASE_DIR, env=self.environ(), stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._answers, what=f"{self.name} (its log: {self.folder / 'log'})", timeout_s=START_TIMEOUT_S)
        return time.perf_counter() - started

    def stop(self) -> None:
        """Stop it, and what it leaves behind of its own process group."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def remove_deleted(self) -> None:
        """Remove for good what was deleted."""
        raise NotImplementedError

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"{self.name} has ended; its log: {(self.folder / 'log').read_text()[-1000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{self.health}", timeout=2):
                return True
        except (OSError, urllib.error.URLError):
            return False

    health = "health"


class Ours(Server):
    """This server, as ``make run`` starts it: web server and worker."""

    name = OURS
    settings: Mapping[str, str] = {}

    def __init__(self, folder: Path, database: Database) -> None:
        super().__init__(folder, database)
        self._environ = new_environ(folder, DATABASE_URL=database.url, PORTAL_LOG_LEVEL="ERROR", **self.settings)
        self._environ.pop("PYTHONDONTWRITEBYTECODE", None)
        self.port = int(self._environ["PORTAL_PORT"])
        self._api: Api | None = None
        self._api_until = 0.0

    def command(self) -> Sequence[str | Path]:
        return SERVE

    def environ(self) -> Mapping[str, str]:
        return self._environ

    def api(self) -> Api:
        """Return how to reach it, with a token that lives for half an hour more."""
        if self._api is None or time.monotonic() > self._api_until:
            uri = self.manage("tracking_uri", "default")
            scheme, _, rest = uri.partition("://")
            credentials, _, place = rest.rpartition("@")
            self._api = Api(f"{scheme}://{place}", credentials.partition(":")[2])
            self._api_until = time.monotonic() + TOKEN_LIFE_S
        return self._api

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py on it and return what that printed."""
        return self.run("manage.py", *arguments)

    def run(self, *arguments: str) -> str:
        """Run Python in its environment and return what that printed."""
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=BASE_DIR, env=self._environ, capture_output=True, text=True, check=True)
        return done.stdout.strip()


class OursNormal(Ours):
    """This server where a power cut may take the last moments: what PORTAL_SQLITE_SYNCHRONOUS=NORMAL buys."""

    name = OURS_NORMAL
    settings = {"PORTAL_SQLITE_SYNCHRONOUS": "NORMAL"}


class Mlflow(Server):
    """A stock MLflow server with its four workers; without its job runner, which no workload needs."""

    name = MLFLOW

    def command(self) -> Sequence[str | Path]:
        return [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)),
            *("--backend-store-uri", self.store_uri, "--artifacts-destination", self.folder / "artifacts"),
        ]

    @property
    def store_uri(self) -> str:
        """The database with the driver that is here; SQLAlchemy would take another one."""
        return self.database.url.replace("postgresql://", "postgresql+psycopg2://", 1)

    def environ(self) -> Mapping[str, str]:
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        return {**super().environ(), **quiet}

    def remove_deleted(self) -> None:
        command = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", self.store_uri]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        environ = {**self.environ(), "MLFLOW_TRACKING_URI": self.api().base}
        subprocess.run(command, cwd=BASE_DIR, env=environ, capture_output=True, check=True)


class FastTrackMl(Server):
    """FastTrackML, a rewrite of MLflow's tracking server in Go; it neither serves artifacts nor removes runs."""

    name = FASTTRACKML
    stores_artifacts = False
    removes_for_good = False
    health = "api/2.0/mlflow/experiments/get?experiment_id=0"
    program = Path()

    def command(self) -> Sequence[str | Path]:
        path = self.database.path
        where = f"sqlite://{path}" if path else f"{self.database.url}?sslmode=disable"
        return [
            *(self.program, "server", "-l", "warning", "-a", f"127.0.0.1:{self.port}", "-d", where),
            *("--default-artifact-root", self.folder / "artifacts"),
        ]


def install_fasttrackml(cache: Path) -> bool:
    """Install FastTrackML into a virtual environment of its own, unless it is there; tell whether it is."""
    FastTrackMl.program = cache / "fasttrackml" / "bin" / "fml"
    if FastTrackMl.program.exists():
        return True
    venv.create(cache / "fasttrackml", with_pip=True)
    pip = [str(cache / "fasttrackml" / "bin" / "pip"), "install", "--quiet", f"fasttrackml=={FASTTRACKML_VERSION}"]
    return subprocess.run(pip, check=False).returncode == 0
