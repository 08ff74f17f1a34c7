"""Data as a table, JSON, YAML or TSV."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Optional

import jmespath
import jmespath.exceptions
import typer
import yaml
from rich.cells import cell_len, set_cell_size

TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)")


class Format(str, Enum):
    """What ``-o`` takes."""

    table = "table"
    json = "json"
    yaml = "yaml"
    tsv = "tsv"
    none = "none"


def plain(value: Any) -> Any:
    """Return a value as JSON has it: dataclasses as objects of their public fields, times as ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value) if not one.name.startswith("_")}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def query_of(text: str) -> Any:
    """Return a JMESPath query. :raises typer.BadParameter: if it does not parse."""
    try:
        return jmespath.compile(text)
    except jmespath.exceptions.JMESPathError as error:
        raise typer.BadParameter(f"--query is not JMESPath: {error}") from None


def show(value: Any, *, format: Format, query: Optional[str], columns: Sequence[str]) -> None:
    """Print data. ``columns``: of a table, in this order; all there are after a query or if empty."""
    data = plain(value)
    if query is not None:
        try:
            data = query_of(query).search(data)
        except jmespath.exceptions.JMESPathError as error:
            raise typer.BadParameter(f"--query does not fit the data: {error}") from None
        columns = ()
    text = {Format.table: _table, Format.json: _json, Format.yaml: _yaml, Format.tsv: _tsv, Format.none: _none}[format](
        data, columns
    )
    if text:
        print(text)


def _json(data: Any, columns: Sequence[str]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)


def _yaml(data: Any, columns: Sequence[str]) -> str:
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    return text.rstrip().removesuffix("\n...")


def _none(data: Any, columns: Sequence[str]) -> str:
    return ""


def _tsv(data: Any, columns: Sequence[str]) -> str:
    _, rows = _rows(data, columns)
    return "\n".join("\t".join(_escaped(cell) for cell in row) for row in rows)


def _table(data: Any, columns: Sequence[str]) -> str:
    if isinstance(data, Mapping) and not isinstance(data, list):
        width = max((len(key) for key in data), default=0)
        return "\n".join(f"{_title(key):<{width}}  {_cell(value)}" for key, value in data.items())
    heads, rows = _rows(data, columns)
    titles = [_title(head) for head in heads]
    cells = [[_cell(cell) for cell in row] for row in rows]
    widths = [max([len(title), *(cell_len(row[at]) for row in cells)]) for at, title in enumerate(titles)]
    lines = ["  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths)).rstrip() for row in cells]
    if not any(titles):
        return "\n".join(lines)
    head = "  ".join(f"{title:<{width}}" for title, width in zip(titles, widths)).rstrip()
    rule = "  ".join("-" * width for width in widths)
    if sys.stdout.isatty():
        head = typer.style(head, bold=True)
    return "\n".join([head, rule, *lines])


def _rows(data: Any, columns: Sequence[str]) -> tuple[list[str], list[list[Any]]]:
    """Return the heads of columns (empty texts where they have no names) and rows of cells."""
    rows = data if isinstance(data, list) else [] if data is None else [data]
    if rows and all(isinstance(row, Mapping) for row in rows):
        heads = [*columns] or [*dict.fromkeys(key for row in rows for key in row)]
        return heads, [[row.get(head) for head in heads] for row in rows]
    if rows and all(isinstance(row, list) for row in rows):
        most = max(len(row) for row in rows)
        return [""] * most, [[*row, *[None] * (most - len(row))] for row in rows]
    return ([*columns] if columns and not rows else [""]), [[row] for row in rows]


def _title(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False) if value else ""
    text = " ".join(str(value).split())
    found = TIME.fullmatch(text)
    return f"{found[1]} {found[2]}Z" if found else text


def _escaped(value: Any) -> str:
    """Return a cell of a line: what would break it apart is written as in C."""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
