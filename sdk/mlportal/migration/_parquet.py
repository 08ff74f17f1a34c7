"""Parquet, through pyarrow, which comes with ``mlportal[export]``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlportal.errors import ConfigError

TEXT, WHOLE, REAL, TRUTH = "string", "int64", "float64", "bool_"
Columns = Mapping[str, str]
ROW_GROUP = 256 * 1024


def write_table(path: Path, columns: Columns, rows: Sequence[Sequence[Any]]) -> None:
    """Write rows, whole or not at all. ``columns``: name -> TEXT, WHOLE (64 bits), REAL (a double) or TRUTH."""
    arrow, parquet = _arrow()
    schema = arrow.schema([(name, getattr(arrow, kind)()) for name, kind in columns.items()])
    cells = [arrow.array([row[at] for row in rows], type=field.type) for at, field in enumerate(schema)]
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(arrow.Table.from_arrays(cells, schema=schema), part, row_group_size=ROW_GROUP)
    os.replace(part, path)


def read_table(path: Path, *, where: tuple[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a file; ``where``: only those that have this text in this column."""
    _, parquet = _arrow()
    filters = None if where is None else [(where[0], "==", where[1])]
    rows: list[dict[str, Any]] = parquet.read_table(path, filters=filters).to_pylist()
    return rows


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigError("Exports are Parquet files, which need pyarrow: pip install 'mlportal[export]'.") from None
    return pyarrow, pyarrow.parquet
