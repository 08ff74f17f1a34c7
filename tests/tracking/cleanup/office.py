"""A whole portal with its worker and its broker, and somebody who asks it for deletions over HTTP."""

import hashlib
import json
import re
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError

import psutil

from portal.env import BASE_DIR
from tests.support.portal import Portal, prepared_environ
from tests.support.programs import wait_until

LEASE_S = "3"
MOST_S = 180  # test machines are busy


@dataclass(frozen=True)
class Office:
    """A portal and the access token of its owner."""

    portal: Portal
    token: str

    @classmethod
    def open(cls, folder: Path, **settings: str) -> Self:
        """Start a portal whose leases are short."""
        portal = Portal.launch(prepared_environ(folder, PORTAL_LEASE_S=LEASE_S, **settings), log=folder / "log")
        return cls(portal, fill(portal)["token"])

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send JSON below ``/api/v1/``; return the status and what came back."""
        request = urllib.request.Request(  # noqa: S310  (our own http)
            f"{self.portal.url}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                return response.status, json.loads(response.read() or b"null")
        except HTTPError as error:
            return error.code, json.loads(error.read())

    def delete_group(self, name: str) -> tuple[int, Any]:
        """Ask for the deletion of a group."""
        return self.ask("POST", "deletions", {"kind": "group", "group": name, "confirm": name, "mode": "purge"})

    def deletion(self, uid: str) -> Any:
        return self.ask("GET", f"deletions/{uid}")[1]

    def wait_for_runs(self, uid: str, count: int) -> None:
        """Wait until at least so many runs are gone, or all."""
        wait_until(
            lambda: self.deletion(uid)["done"].get("runs", 0) >= count or self.deletion(uid)["state"] == "done",
            what=f"{count} runs to go",
            timeout_s=MOST_S,
        )

    def wait_for_state(self, uid: str, state: str, *, timeout_s: float = MOST_S) -> Any:
        wait_until(lambda: self.deletion(uid)["state"] == state, what=f"deletion {state}", timeout_s=timeout_s)
        return self.deletion(uid)

    def worker(self) -> psutil.Process:
        """Return the process of the worker that runs now."""
        wait_until(lambda: self._worker() is not None, what="a worker")
        found = self._worker()
        assert found is not None
        return found

    def _worker(self) -> psutil.Process | None:
        pids = re.findall(r"started .*pid=(\d+) program=worker\n", self.portal.log.read_text(errors="replace"))
        try:
            process = psutil.Process(int(pids[-1]))
        except psutil.NoSuchProcess:
            return None
        return process if process.status() != psutil.STATUS_ZOMBIE else None

    def files(self) -> dict[str, str]:
        """Return the digest of every artifact."""
        root = self.portal.data_dir / "artifacts"
        return {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }


def fill(portal: Portal, **sizes: int | str) -> Any:
    """Run tests.tracking.cleanup.bulk in a portal's environment."""
    return _run(portal, "bulk", *(part for name, value in sizes.items() for part in (f"--{name}", str(value))))


def rows_by_group(portal: Portal) -> dict[str, Any]:
    """Return how many rows each group has in which table, and a digest of them."""
    found: dict[str, Any] = _run(portal, "stock")
    return found


def _run(portal: Portal, module: str, *options: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.tracking.cleanup.{module}", *options],
        cwd=BASE_DIR,
        env=portal.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
