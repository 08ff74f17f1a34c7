"""A whole portal of a test's own: processes, port, data folder and database, started as ``make run`` starts them."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from portal.env import BASE_DIR, SETTINGS
from tests.support import prepared
from tests.support.commands import Commands
from tests.support.postgres import create_database
from tests.support.programs import free_port

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 20
SERVE = [sys.executable, "manage.py", "serve"]


@dataclass(frozen=True)
class Portal:
    """A running portal. ``log``: what its processes printed."""

    url: str
    data_dir: Path
    log: Path
    environ: dict[str, str]
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Start a portal in a folder of its own, on a new database of the cluster if this test run has one."""
        return cls.launch(prepared_environ(folder), log=folder / "portal.log")

    @classmethod
    def launch(cls, environ: dict[str, str], *, log: Path) -> Self:
        """Start a portal, for the first time or again, and return it as soon as it has greeted; ``log`` begins anew."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                SERVE, cwd=BASE_DIR, env=environ, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        url = f"http://127.0.0.1:{environ['PORTAL_PORT']}"
        portal = cls(url, Path(environ["PORTAL_DATA_DIR"]), log, environ, process)
        portal.wait_until_up()
        return portal

    def wait_until_up(self) -> None:
        """Wait for the greeting. :raises RuntimeError: if the portal ends, or takes longer than two minutes."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while "Sign in" not in self.log.read_text(errors="replace") or not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"The portal did not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.1)

    def answers(self) -> bool:
        """Tell whether /health says OK."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as response:  # noqa: S310  (our own http)
                return bool(response.read() == b"OK")
        except (OSError, urllib.error.URLError):
            return False

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py on this portal and return what it printed."""
        return self._commands.run(arguments)

    def tracking_uri(self, workspace: str = "default") -> str:
        """Return a tracking URI with a fresh token."""
        return self.manage("tracking_uri", workspace)

    def sign_in_link(self) -> str:
        """Return a link that signs the owner in, once."""
        return self.manage("sign_in_link")

    def stop(self) -> int:
        """Stop it as Ctrl-C does and return its exit code."""
        if "_commands" in vars(self):
            self._commands.stop()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise

    @cached_property
    def _commands(self) -> Commands:
        return Commands.start(self.environ)


def prepared_environ(folder: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a portal that need not migrate its database and compress its static files any more."""
    prepared.copy_files(folder / "data")
    return _environ(folder, settings, template=prepared.template())


def new_environ(folder: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a portal that was never started: with an empty data folder and an empty database."""
    return _environ(folder, settings, template=None)


def _environ(folder: Path, settings: dict[str, str], *, template: str | None) -> dict[str, str]:
    port = str(free_port())
    ours = {setting.name for setting in SETTINGS}
    environ = {name: value for name, value in os.environ.items() if name not in ours}
    environ |= {
        "PORTAL_DATA_DIR": str(folder / "data"),
        "PORTAL_PORT": port,
        "PORTAL_DATASTORE_ROOTS": str(folder / "shared"),
        "PORTAL_DATASTORE_PRIVATE_ENDPOINTS": "127.0.0.0/8",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    if "DATABASE_URL" in os.environ:
        environ["DATABASE_URL"] = create_database(os.environ["DATABASE_URL"], f"portal_{port}", template=template)
    return environ | settings
