"""Django's SQLite, with less to do for each statement; the module is named as Django wants it."""

import contextlib
import functools
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base

from portal.sqlite.wishes import Wishes, wishes_of

KEPT_STATEMENTS = 512
MAX_KEPT_CHARS = 8_192


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that knows the statements it has seen: Django's words for them and SQLite's compiled form.

    ``is_background``: what it writes can wait, so that nobody has to be told that it wants to.
    """

    is_background = False

    @functools.cached_property
    def wishes(self) -> Wishes | None:
        """When somebody wanted to write to this database last; None for one in memory."""
        return None if self.is_in_memory_db() else wishes_of(str(self.settings_dict["NAME"]))

    def get_connection_params(self) -> dict[str, Any]:
        """Have SQLite's driver keep as many compiled statements."""
        return super().get_connection_params() | {"cached_statements": KEPT_STATEMENTS}

    def close_if_unusable_or_obsolete(self) -> None:
        """Leave a connection open between the requests that share a transaction (tracking.core.commits)."""
        if not self.in_atomic_block:
            super().close_if_unusable_or_obsolete()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect. A file that is new is made such that it can shrink: that has to be said before all else."""
        if not self.is_in_memory_db() and _is_empty(Path(conn_params["database"])):
            with contextlib.closing(sqlite3.connect(conn_params["database"])) as new:
                new.execute("PRAGMA auto_vacuum=INCREMENTAL")
                new.execute("VACUUM")  # writes it down; changes nothing where another process was first
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> "Cursor":
        """Return a cursor."""
        cursor: Cursor = self.connection.cursor(factory=Cursor)
        return cursor

    def _start_transaction_under_autocommit(self) -> None:
        if self.wishes is not None and not self.is_background:
            self.wishes.note()
        super()._start_transaction_under_autocommit()  # type: ignore[misc]  # unknown to the stubs


class Cursor(base.SQLiteCursorWrapper):
    """A cursor that translates the marks of a statement (%s) once."""

    def convert_query(self, query: str, *, param_names: Sequence[str] | None = None) -> str:
        """Return the statement as SQLite reads it."""
        if param_names is not None or len(query) > MAX_KEPT_CHARS:
            return super().convert_query(query, param_names=param_names)
        return _converted(query)


def _is_empty(path: Path) -> bool:
    return not path.exists() or path.stat().st_size == 0


@functools.lru_cache(maxsize=KEPT_STATEMENTS)
def _converted(query: str) -> str:
    return base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")
