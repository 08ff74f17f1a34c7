"""Fetching many rows: what the ORM has written once or somebody by hand, without what it does for each row."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, DateTimeField, QuerySet


@dataclass(frozen=True, slots=True)
class Statement:
    """A query of the ORM as SQL, to be asked again and again. ``converters``: by column, where values need one."""

    sql: str
    params: Sequence[Any]
    converters: Sequence[tuple[int, Callable[[Any], Any]]]


def statement_of(queryset: "QuerySet[Any, Any]") -> Statement | None:
    """Return the SQL of ``values_list(...)``; None if it is plain that there are no rows."""
    compiler = queryset.query.get_compiler(queryset.db)
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        return None
    selected = [expression for expression, _, _ in compiler.select[: compiler.col_count]]
    converters = [
        (place, _converter(found, expression))
        for place, (found, expression) in compiler.get_converters(selected).items()
        if not isinstance(expression.output_field, BooleanField | DateTimeField)  # the drivers read them as they are
    ]
    return Statement(sql, params, converters)


def merge_of(
    statements: Sequence[Statement | None], places: Sequence[tuple[int, bool]], *, limit: int
) -> Statement | None:
    """Return the first ``limit`` of all rows of statements that each sort theirs so: (place, ascending) of a column."""
    some = [statement for statement in statements if statement is not None]
    if len(some) < 2:
        return some[0] if some else None
    selects = " UNION ALL ".join(f"SELECT * FROM ({statement.sql}) AS part" for statement in some)  # noqa: S608
    order = ", ".join(f"{place + 1} {'ASC' if is_ascending else 'DESC'}" for place, is_ascending in places)
    params = [param for statement in some for param in statement.params]
    return Statement(f"{selects} ORDER BY {order} LIMIT {limit:d}", params, some[0].converters)


def fetch(statement: Statement | None) -> list[tuple[Any, ...]]:
    """Return the rows of a statement. Without what the ORM does for each: a third of its time."""
    if statement is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    for place, convert in statement.converters:
        rows = [(*row[:place], convert(row[place]), *row[place + 1 :]) for row in rows]
    return rows


def count_rows(statement: Statement) -> int:
    """Count the rows of a statement. One of its own."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({statement.sql}) AS counted", statement.params)  # noqa: S608
        return int(cursor.fetchone()[0])


def _converter(converters: Sequence[Callable[..., Any]], expression: Any) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        for converter in converters:
            value = converter(value, expression, connection)
        return value

    return convert


def rows_among(select: str, pks: Collection[int]) -> list[tuple[Any, ...]]:
    """Return the rows of a SELECT that ends with the column that is to be among ``pks``. One statement."""
    if not pks:
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"{select} IN ({','.join(map(str, map(int, pks)))})")
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
