"""The client package as people have it: an environment of its own, and its command line as a program."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from portal.env import BASE_DIR
from tests.support.portal import Portal

SDK = BASE_DIR / "sdk"
TIMEOUT_S = 120
ISSUE = """
from tracking.core.clock import utc_now
from tracking.identity.models import User
from tracking.identity.services import issue_access_token
print(issue_access_token(user=User.objects.order_by("pk").first(), name="test", now=utc_now()).text)
"""


def client_environ(home: Path, **settings: str) -> dict[str, str]:
    """Return the environment of somebody who has just installed the package: no config, no credential, no cache.

    ``PYTHONPATH`` has this checkout's package come first, whichever one is installed.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLPORTAL_", "MLFLOW_", "XDG_")) and not name.lower().endswith("_proxy")
    }
    paths = os.pathsep.join(filter(None, [str(SDK), kept.get("PYTHONPATH", "")]))
    return {**kept, "HOME": str(home), "PYTHONPATH": paths, "PYTHONWARNINGS": "default", **settings}


def run_mlportal(
    *arguments: str, environ: Mapping[str, str], cwd: Path, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run ``mlportal …`` to its end, with ``text`` on its standard input, which is no terminal."""
    return run_python("-m", "mlportal", *arguments, environ=environ, cwd=cwd, text=text)


def run_python(
    *arguments: str, environ: Mapping[str, str], cwd: Path, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run this Python."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=environ,
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def new_access_token(portal: Portal) -> str:
    """Return a new access token of the portal's first owner."""
    return portal.manage("shell", "-c", ISSUE).split()[-1]


def write_config(folder: Path, portal: Portal, workspace: str = "default") -> None:
    """Write what the portal's page gives for download."""
    content = {"endpoint": portal.url, "workspace_name": workspace}
    (folder / "config.json").write_text(json.dumps(content))
