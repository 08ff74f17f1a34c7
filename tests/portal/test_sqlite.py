"""SQLite as the portal opens it: files that can shrink, and who waits to write to them."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connections

from portal.env import BASE_DIR
from portal.sqlite.base import DatabaseWrapper
from portal.sqlite.wishes import Wishes, wishes_of
from tests.support.portal import prepared_environ

NOTE = "import sys; from portal.sqlite.wishes import Wishes; Wishes(sys.argv[1]).note()"


def opened(path: Path) -> DatabaseWrapper:
    """Return a connection of ours to another file."""
    return DatabaseWrapper(connections.settings["default"] | {"NAME": str(path)}, alias="other")


def pragma(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as file:
        return int(file.execute(f"PRAGMA {name}").fetchone()[0])


@pytest.mark.django_db
class TestNewFile:
    def test_can_shrink(self, tmp_path: Path) -> None:
        with closing(opened(tmp_path / "new")) as database:
            database.ensure_connection()

        assert pragma(tmp_path / "new", "auto_vacuum") == 2

    def test_that_is_older_stays_as_it_was_made(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "old")) as old:
            old.execute("CREATE TABLE a (b)")

        with closing(opened(tmp_path / "old")) as database:
            database.ensure_connection()

        assert pragma(tmp_path / "old", "auto_vacuum") == 0


class TestCompactDatabase:
    def test_makes_an_older_file_small_and_able_to_shrink(self, tmp_path: Path) -> None:
        environ = prepared_environ(tmp_path)
        path = Path(environ["PORTAL_DATA_DIR"]) / "mlportal.sqlite3"
        with closing(sqlite3.connect(path)) as old:
            old.execute("PRAGMA auto_vacuum=NONE")
            old.execute("VACUUM")
            old.execute("CREATE TABLE junk AS SELECT randomblob(3000000) AS a")
            old.execute("DROP TABLE junk")
        size = path.stat().st_size

        command = [sys.executable, "manage.py", "compact_database"]
        done = subprocess.run(command, cwd=BASE_DIR, env=environ, capture_output=True, text=True, check=True)

        assert path.stat().st_size < size - 3_000_000
        assert f"{size:,} bytes before, {path.stat().st_size:,} after" in done.stdout
        assert pragma(path, "auto_vacuum") == 2


class TestWishes:
    def test_are_seen_by_other_processes(self, tmp_path: Path) -> None:
        wishes = Wishes(str(tmp_path / "wishes"))
        assert wishes.age_s() == float("inf")

        subprocess.run([sys.executable, "-c", NOTE, str(tmp_path / "wishes")], cwd=BASE_DIR, check=True)

        assert 0 <= wishes.age_s() < 600

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("is_background", [False, True])
    def test_are_noted_by_transactions_unless_they_can_wait(self, tmp_path: Path, is_background: bool) -> None:
        with closing(opened(tmp_path / "new")) as database:
            database.is_background = is_background
            database.ensure_connection()
            database.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
            database.rollback()

        assert (wishes_of(str(tmp_path / "new")).age_s() < 600) is not is_background
