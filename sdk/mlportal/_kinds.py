"""How the metrics of a run read: MLflow has numbers only, Azure ML also lists, rows, tables and images.

What a name is, if not a plain number, is noted in the tag ``mlportal.metric.<name>``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from mlportal._artifacts import Artifacts
from mlportal._mlflow import MlflowApi, RunRow

PREFIX = "mlportal.metric."
THREADS = 8


@dataclass(frozen=True)
class Kind:
    """What a name is. ``kind``: scalar, list, row, table or image; ``path``: the file of the last two."""

    kind: str
    description: str = ""
    path: str | None = None

    def as_tag(self) -> str:
        """Return what the tag holds."""
        note = {"kind": self.kind, "description": self.description, "path": self.path}
        return json.dumps({key: value for key, value in note.items() if value})

    @classmethod
    def from_tag(cls, text: str) -> Kind:
        """Return what a tag says; a plain number if it says nothing that is understood."""
        try:
            note = json.loads(text)
            return cls(str(note["kind"]), str(note.get("description", "")), note.get("path"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls("scalar")


def read_metrics(mlflow: MlflowApi, row: RunRow, *, name: str | None, populate: bool) -> dict[str, Any]:
    """Return a run's metrics by name, as Run.get_metrics says. A request for each metric, eight at once."""
    kinds = {key[len(PREFIX) :]: Kind.from_tag(text) for key, text in row.tags.items() if key.startswith(PREFIX)}
    row_of = {key: _row_name(key, kinds) for key in row.metrics}
    wanted = [key for key in row.metrics if name in (None, key, row_of[key])]
    with ThreadPoolExecutor(THREADS) as threads:
        values = dict(zip(wanted, threads.map(lambda key: _read_values(mlflow, row.run_id, key), wanted)))
    found: dict[str, Any] = {}
    for key, numbers in values.items():
        owner = row_of[key]
        if owner is not None:
            found.setdefault(owner, {})[key[len(owner) + 1 :]] = _few(numbers)
        else:
            found[key] = numbers if kinds.get(key, Kind("scalar")).kind == "list" else _few(numbers)
    for key, kind in kinds.items():
        if kind.path is not None and name in (None, key):
            is_read = populate and kind.kind == "table"
            found[key] = _read_table(mlflow, row, kind.path) if is_read else kind.path
    return found


def _read_values(mlflow: MlflowApi, run_id: str, key: str) -> list[float]:
    return [point.value for point in mlflow.read_history(run_id, key)]


def _read_table(mlflow: MlflowApi, row: RunRow, path: str) -> dict[str, list[Any]]:
    table = json.loads(Artifacts(mlflow.transport, mlflow.workspace, row.artifact_uri).read(path))
    return {column: [cells[at] for cells in table["data"]] for at, column in enumerate(table["columns"])}


def _few(values: list[float]) -> float | list[float]:
    return values[0] if len(values) == 1 else values


def _row_name(key: str, kinds: Mapping[str, Kind]) -> str | None:
    """Return the row that a metric is a column of, or None."""
    return next((name for name, kind in kinds.items() if kind.kind == "row" and key.startswith(f"{name}/")), None)
