"""Programs that tests start: found, else installed where that is allowed, else the test is skipped and says so.

With CI=true nothing is skipped: what is missing fails.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

IS_CI = os.environ.get("CI", "").lower() == "true"
POSTGRES, REDIS, CHROMIUM = "PostgreSQL's server", "the Redis server", "Chromium"
NPM, AZURITE = "npm", "Azurite"
DEBIAN_PACKAGE = {POSTGRES: "postgresql", REDIS: "redis-server", CHROMIUM: "chromium-headless-shell", NPM: "npm"}
NAMES = {
    POSTGRES: ("initdb", "postgres"),
    REDIS: ("redis-server",),
    CHROMIUM: ("chromium-headless-shell", "chromium", "chromium-browser"),  # the first takes a quarter less CPU
    NPM: ("npm",),
    AZURITE: ("azurite-blob",),
}
# Beside the environment, which is made anew less often than tests run.
NPM_FOLDER = Path(sys.prefix) / "npm"
AZURITE_PACKAGE = "azurite@3.35.0"  # the newest that runs on node 18, which is Debian 12's


class MissingProgramError(Exception):
    """A program is neither installed nor could it be; the text says what was not tested."""


def find_program(what: str) -> Path | None:
    """Return where a program of ``NAMES`` lies, the newest PostgreSQL first; None where it is not installed."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    ours = NPM_FOLDER / "node_modules" / ".bin"
    folders = os.pathsep.join([*map(str, versions), str(ours), os.environ.get("PATH", os.defpath)])
    return next((Path(found) for name in NAMES[what] if (found := shutil.which(name, path=folders))), None)


def get_program(what: str) -> Path:
    """Return where a program of ``NAMES`` lies, installing Debian's package where that is possible.

    :raises MissingProgramError: if it is not there.
    """
    found = find_program(what)
    if found is None and what == AZURITE:
        _install_azurite(get_program(NPM))
        found = find_program(what)
    elif found is None and _may_install():
        _install(what)
        found = find_program(what)
    if found is None:
        how = f"npm install {AZURITE_PACKAGE}" if what == AZURITE else f"apt-get install {DEBIAN_PACKAGE[what]}"
        raise MissingProgramError(f"NOT TESTED: {what} is not installed ({how}).")
    return found


def need(what: str) -> Path:
    """Return where a program lies, for a test or a fixture; skips it (fails it with CI=true) where it is missing."""
    try:
        return get_program(what)
    except MissingProgramError as error:
        if IS_CI:
            pytest.fail(str(error))
        pytest.skip(str(error))


def free_port() -> int:
    """Return a loopback port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(is_true: Callable[[], bool], *, what: str, timeout_s: float = 60) -> None:
    """Return as soon as ``is_true()``.

    :raises TimeoutError: naming ``what`` was waited for.
    """
    give_up_at = time.monotonic() + timeout_s
    while not is_true():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(0.05)


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install_azurite(npm: Path) -> None:
    """Install Azurite from npm, for whoever made the environment; half a minute, once."""
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(NPM_FOLDER)]
    with _alone("npm"):
        if find_program(AZURITE) is None:
            NPM_FOLDER.mkdir(exist_ok=True)
            subprocess.run([npm, "install", *options, AZURITE_PACKAGE], capture_output=True, check=False)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Let one test process at a time install something: they run side by side."""
    with (Path(tempfile.gettempdir()) / f"mlportal-tests-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(what: str) -> None:
    """Install Debian's package."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _alone("apt"):
        if find_program(what) is None:
            subprocess.run(["apt-get", "update"], env=environ, capture_output=True, check=False)
            subprocess.run(
                ["apt-get", "install", "-y", DEBIAN_PACKAGE[what]], env=environ, capture_output=True, check=False
            )
