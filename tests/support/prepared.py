"""What a portal makes on its first start before anybody is in it: a migrated database and the collected static files.

Made once for each test run, by whichever process needs it first, and copied: it takes five seconds, and there are
dozens of portals.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from portal.env import BASE_DIR
from tests.support.postgres import create_database

FOLDER = "TESTS_PREPARED_FOLDER"
"""The environment variable that names the folder, the same in all processes of a test run."""
DATABASE = "prepared"
SQLITE = "mlportal.sqlite3"
PREPARE = """
import django
django.setup()
from django.core.management import call_command
from tracking.management.static_files import collect_static
call_command("migrate", interactive=False, verbosity=0)
collect_static()
"""


def copy_files(data_dir: Path) -> None:
    """Put the static files, and the database where that is a file, into a data folder that does not exist yet."""
    shutil.copytree(_prepared(), data_dir, ignore=shutil.ignore_patterns("secret_key"))


def copy_sqlite(path: Path) -> None:
    """Put the database there."""
    shutil.copyfile(_prepared() / SQLITE, path)


def template() -> str:
    """Return the name of the PostgreSQL database that others are copies of."""
    _prepared()
    return DATABASE


def _prepared() -> Path:
    """Return the data folder of a portal that has prepared itself and was never installed."""
    folder = Path(os.environ[FOLDER])
    data_dir, done = folder / "data", folder / "done"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _prepare(data_dir)
            done.touch()
    return data_dir


def _prepare(data_dir: Path) -> None:
    environ = {**os.environ, "PORTAL_DATA_DIR": str(data_dir), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    if "DATABASE_URL" in environ:
        environ["DATABASE_URL"] = create_database(environ["DATABASE_URL"], DATABASE)
    subprocess.run([sys.executable, "-c", PREPARE], cwd=BASE_DIR, env=environ, umask=0o077, check=True)
