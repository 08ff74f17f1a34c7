"""Statements that are sent all the time: PostgreSQL parses and plans each once a connection, and takes rows as arrays.

The text of a row of twelve values costs PostgreSQL twice as much as the row. So the same statement takes any
number of rows there, column by column; SQLite, whose driver keeps compiled statements, has one for each number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connection

Value = int | float | str | None
Statement = tuple[str, Sequence[Any]]
_names_by_connection: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT of any number of rows. ``columns``: PostgreSQL's type by name; ``conflict``: what is done with a row
    that is there already.
    """

    table: str
    columns: Mapping[str, str]
    conflict: str

    def of(self, rows: Sequence[Sequence[Value]]) -> Statement:
        """Return the statement that inserts these rows, one at least, in their order."""
        head = f"INSERT INTO {self.table} ({', '.join(self.columns)})"
        if connection.vendor == "sqlite":
            row = f"({', '.join(['%s'] * len(self.columns))})"
            return f"{head} VALUES {', '.join([row] * len(rows))} {self.conflict}", [
                part for row in rows for part in row
            ]
        arrays = ", ".join(f"%s::{kind}[]" for kind in self.columns.values())
        sql = f"{head} SELECT * FROM unnest({arrays}) {self.conflict}"  # noqa: S608
        return sql, [_array(column) for column in zip(*rows, strict=True)]


def execute(cursor: Any, *statements: Statement) -> None:
    """Execute statements one after the other, on PostgreSQL in one round trip; the cursor has what the last returns."""
    if connection.vendor == "sqlite":
        for sql, params in statements:
            cursor.execute(sql, params)
        return
    calls = [f"EXECUTE {_prepared(sql, len(params))}{_marks(len(params))}" for sql, params in statements]
    cursor.execute(";".join(calls), [param for _, params in statements for param in params])


def _prepared(sql: str, count: int) -> str:
    """Return the name of a statement with so many parameters; what is new to the connection is prepared first."""
    names = _names_by_connection.setdefault(connection.connection, {})
    name = names.get(sql)
    if name is None:
        name = f"hot_{len(names)}"
        marked = sql % tuple(f"${number}" for number in range(1, count + 1))
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            cursor.execute(f"PREPARE {name} AS {marked}")
        names[sql] = name
    return name


def _marks(count: int) -> str:
    return f"({', '.join(['%s'] * count)})" if count else ""


def _array(values: Sequence[Value]) -> str:
    """Return values as the text of a PostgreSQL array: its parser reads that three times as fast as ARRAY[...]."""
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: Value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)
