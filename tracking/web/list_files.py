"""A list as a file: ``?format=csv`` or ``?format=json`` behind the address of its page gives its rows as they are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import TypeVar

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase

from tracking.core.csv import csv_lines
from tracking.core.pages import Page
from tracking.web.exports import Value, file_answer, json_lines

Cell = Value | datetime | Enum | Iterable[str]
Row = TypeVar("Row")
ROWS_AT_ONCE = 500  # that a file is read by


def list_file(
    request: HttpRequest, *, name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> HttpResponseBase | None:
    """Return the rows in the form that the address asks for; None: it asks for the page.

    Times are ISO 8601, several texts in one cell stand between spaces.
    """
    kind = request.GET.get("format", "")
    if not kind or request.method == "POST":
        return None
    plain = ([_plain(cell) for cell in row] for row in rows)
    if kind == "csv":
        return file_answer(csv_lines(head, plain), name=f"{name}.csv", content_type="text/csv; charset=utf-8")
    if kind == "json":
        return file_answer(json_lines(name, head, plain), name=f"{name}.json", content_type="application/json")
    raise BadRequest(f"format is csv or json, not {kind!r}.")


def rows_of_all(page_at: Callable[[str], Page[Row]]) -> Iterator[Row]:
    """Yield the rows of all pages, each asked for by its token when its turn comes."""
    token: str | None = ""
    while token is not None:
        page = page_at(token)
        yield from page.rows
        token = page.next_token


def _plain(cell: Cell) -> Value:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="milliseconds")
    if isinstance(cell, Enum):
        return str(cell.value)
    return cell if cell is None or isinstance(cell, str | int | float) else " ".join(cell)
