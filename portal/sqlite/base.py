"""Django's SQLite, with less to do for each statement; the module is named as Django wants it."""

import functools
from collections.abc import Sequence
from typing import Any

from django.db.backends.sqlite3 import base

KEPT_STATEMENTS = 512
MAX_KEPT_CHARS = 8_192


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that knows the statements it has seen: Django's words for them and SQLite's compiled form."""

    def get_connection_params(self) -> dict[str, Any]:
        """Have SQLite's driver keep as many compiled statements."""
        return super().get_connection_params() | {"cached_statements": KEPT_STATEMENTS}

    def close_if_unusable_or_obsolete(self) -> None:
        """Leave a connection open between the requests that share a transaction (tracking.core.commits)."""
        if not self.in_atomic_block:
            super().close_if_unusable_or_obsolete()

    def create_cursor(self, name: str | None = None) -> "Cursor":
        """Return a cursor."""
        cursor: Cursor = self.connection.cursor(factory=Cursor)
        return cursor


class Cursor(base.SQLiteCursorWrapper):
    """A cursor that translates the marks of a statement (%s) once."""

    def convert_query(self, query: str, *, param_names: Sequence[str] | None = None) -> str:
        """Return the statement as SQLite reads it."""
        if param_names is not None or len(query) > MAX_KEPT_CHARS:
            return super().convert_query(query, param_names=param_names)
        return _converted(query)


@functools.lru_cache(maxsize=KEPT_STATEMENTS)
def _converted(query: str) -> str:
    return base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")
