"""What an export's folder looks like.

``manifest.json``: format, versions, counts, and of each table the rows and the SHA-256. The tables: ``experiments``,
``runs``, ``params``, ``tags``, ``models``, ``registered_models``, ``model_versions``, ``files`` (``.parquet``). Points:
``metrics/<run id>.parquet``. Files: ``artifacts/<run or model id>/…``. ``runs`` has the SHA-256 of a run's metrics,
``files`` that of each file.
``.journal/`` is the exporter's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlportal._mlflow import Point
from mlportal.migration._parquet import REAL, TEXT, TRUTH, WHOLE
from mlportal.migration.records import (
    Dataset,
    ModelMetric,
    SourceExperiment,
    SourceModel,
    SourceRegistered,
    SourceRun,
    SourceVersion,
)

FORMAT = 2
MANIFEST, JOURNAL = "manifest.json", ".journal"
EXPERIMENTS = {"experiment_id": TEXT, "name": TEXT, "is_deleted": TRUTH, "tags": TEXT}
RUNS = {
    "run_id": TEXT, "experiment_id": TEXT, "name": TEXT, "user": TEXT, "status": TEXT, "is_deleted": TRUTH,
    "start_ms": WHOLE, "end_ms": WHOLE, "metric_keys": TEXT, "datasets": TEXT, "model_inputs": TEXT,
    "model_outputs": TEXT, "fingerprint": TEXT, "points": WHOLE, "metrics_sha256": TEXT,
}  # fmt: skip
MODELS = {
    "model_id": TEXT, "experiment_id": TEXT, "name": TEXT, "model_type": TEXT, "status": TEXT, "source_run_id": TEXT,
    "params": TEXT, "tags": TEXT, "metrics": TEXT, "fingerprint": TEXT,
}  # fmt: skip
REGISTERED = {"name": TEXT, "description": TEXT, "tags": TEXT, "aliases": TEXT}
VERSIONS = {
    "name": TEXT, "version": WHOLE, "description": TEXT, "stage": TEXT, "source": TEXT, "run_id": TEXT,
    "run_link": TEXT, "model_id": TEXT, "tags": TEXT,
}  # fmt: skip
TEXTS = {"run_id": TEXT, "key": TEXT, "value": TEXT}
METRICS = {"key": TEXT, "value": REAL, "timestamp_ms": WHOLE, "step": WHOLE}
FILES = {"owner_id": TEXT, "path": TEXT, "size_bytes": WHOLE, "sha256": TEXT}
Row = Mapping[str, Any]


def metrics_path(folder: Path, run_id: str) -> Path:
    """Return where a run's points lie."""
    return folder / "metrics" / f"{run_id}.parquet"


def artifacts_path(folder: Path, owner_id: str) -> Path:
    """Return where the files of a run or a model lie."""
    return folder / "artifacts" / owner_id


def experiment_row(one: SourceExperiment) -> Row:
    """Return an experiment as a row; mappings and lists as JSON."""
    return {**asdict(one), "tags": _json(one.tags)}


def run_row(one: SourceRun) -> Row:
    """Return a run as a row; params and tags have tables of their own."""
    lists = {name: _json(asdict(one)[name]) for name in ("metric_keys", "datasets", "model_inputs", "model_outputs")}
    return {**asdict(one), **lists}


def model_row(one: SourceModel) -> Row:
    """Return a logged model as a row."""
    metrics = [{**asdict(metric), "point": {**asdict(metric.point), "value": repr(metric.point.value)}}
               for metric in one.metrics]  # fmt: skip
    return {**asdict(one), "params": _json(one.params), "tags": _json(one.tags), "metrics": _json(metrics)}


def registered_row(one: SourceRegistered) -> Row:
    """Return a registered model as a row; its versions have a table of their own."""
    return {"name": one.name, "description": one.description, "tags": _json(one.tags), "aliases": _json(one.aliases)}


def version_row(one: SourceVersion) -> Row:
    """Return a version as a row."""
    return {**asdict(one), "tags": _json(one.tags)}


def registered_of(row: Row, versions: Iterable[Row]) -> SourceRegistered:
    """Return the registered model of a row and those of its versions."""
    mine = (one for one in versions if one["name"] == row["name"])
    told = {**row, "tags": json.loads(row["tags"]), "aliases": json.loads(row["aliases"])}
    return SourceRegistered(**told, versions=tuple(SourceVersion(**{**v, "tags": json.loads(v["tags"])}) for v in mine))


def experiment_of(row: Row) -> SourceExperiment:
    """Return the experiment of a row."""
    return SourceExperiment(**{**row, "tags": json.loads(row["tags"])})


def run_of(row: Row, *, params: Mapping[str, str], tags: Mapping[str, str]) -> SourceRun:
    """Return the run of a row."""
    told = {name: row[name] for name in RUNS if name not in ("points", "metrics_sha256")}
    told["metric_keys"] = tuple(json.loads(row["metric_keys"]))
    told["datasets"] = tuple(Dataset(**one) for one in json.loads(row["datasets"]))
    told["model_inputs"] = tuple(json.loads(row["model_inputs"]))
    told["model_outputs"] = tuple((model_id, step) for model_id, step in json.loads(row["model_outputs"]))
    return SourceRun(**told, artifact_uri="", params=params, tags=tags)


def model_of(row: Row) -> SourceModel:
    """Return the logged model of a row."""
    told = {**row, "params": json.loads(row["params"]), "tags": json.loads(row["tags"])}
    told["metrics"] = tuple(_metric(one) for one in json.loads(row["metrics"]))
    return SourceModel(**told, artifact_uri="")


def cells(columns: Iterable[str], rows: Iterable[Row]) -> list[list[Any]]:
    """Return rows as lists in the order of columns."""
    return [[row[name] for name in columns] for row in rows]


def _metric(told: Row) -> ModelMetric:
    point = told["point"]
    return ModelMetric(**{**told, "point": Point(**{**point, "value": float(point["value"])})})


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
