"""The folder of an export, as a source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlportal._artifacts import safe_target
from mlportal._mlflow import Point
from mlportal.errors import ConfigError
from mlportal.migration import layout
from mlportal.migration._parquet import read_table
from mlportal.migration.layout import FORMAT, MANIFEST, artifacts_path, metrics_path
from mlportal.migration.records import (
    Owner,
    Problems,
    SourceExperiment,
    SourceFile,
    SourceModel,
    SourceRegistered,
    SourceRun,
    file_checksum,
)


class ExportSource:
    """What the folder of an export holds; its tables are compared with the manifest when it is opened."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder.resolve())
        self.problems: Problems = {}
        self._folder = folder
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest.get("format") != FORMAT:
            raise ConfigError(
                f"{self.name} has format {manifest.get('format')!r}; this package reads {FORMAT}. Take a newer one."
            )
        tables = {name: self._table(name, told["sha256"]) for name, told in manifest["tables"].items()}
        self._experiments, self._runs, self._models = tables["experiments"], tables["runs"], tables["models"]
        self._registered, self._versions = tables["registered_models"], tables["model_versions"]
        self._metrics_sha256 = {row["run_id"]: row["metrics_sha256"] for row in self._runs}
        self._checked: set[str] = set()
        self._params, self._tags = _by_run(tables["params"]), _by_run(tables["tags"])
        self._files: dict[str, list[SourceFile]] = {}
        for row in tables["files"]:
            file = SourceFile(row["path"], row["size_bytes"], row["sha256"])
            self._files.setdefault(row["owner_id"], []).append(file)

    def experiments(self) -> Iterator[SourceExperiment]:
        """Yield every experiment, deleted ones too."""
        return (layout.experiment_of(row) for row in self._experiments)

    def runs(self, experiment: SourceExperiment) -> Iterator[SourceRun]:
        """Yield every run of an experiment, deleted ones too."""
        for row in self._runs:
            if row["experiment_id"] == experiment.experiment_id:
                run_id = row["run_id"]
                yield layout.run_of(row, params=self._params.get(run_id, {}), tags=self._tags.get(run_id, {}))

    def models(self, experiment: SourceExperiment) -> Iterator[SourceModel]:
        """Yield the logged models of an experiment."""
        return (layout.model_of(row) for row in self._models if row["experiment_id"] == experiment.experiment_id)

    def points(self, run: SourceRun, key: str) -> list[Point]:
        """Return every point of a metric. :raises ConfigError: if the run's metrics are not what was written."""
        path = metrics_path(self._folder, run.run_id)
        if run.run_id not in self._checked:
            self._check(path, self._metrics_sha256[run.run_id])
            self._checked.add(run.run_id)
        rows = read_table(path, where=("key", key))
        return [Point(row["key"], row["value"], row["timestamp_ms"], row["step"]) for row in rows]

    def files(self, owner: Owner) -> Iterator[SourceFile]:
        """Yield every file of a run or a model."""
        return iter(self._files.get(_id(owner), []))

    @contextmanager
    def fetch(self, owner: Owner, file: SourceFile) -> Iterator[Path]:
        """Give the file itself."""
        yield safe_target(artifacts_path(self._folder, _id(owner)), file.path)

    def registered(self) -> Iterator[SourceRegistered]:
        """Yield every registered model."""
        return (layout.registered_of(row, self._versions) for row in self._registered)

    def _table(self, name: str, sha256: str) -> list[dict[str, Any]]:
        path = self._folder / f"{name}.parquet"
        self._check(path, sha256)
        return read_table(path)

    def _check(self, path: Path, sha256: str) -> None:
        if not path.is_file() or file_checksum(path) != sha256:
            raise ConfigError(f"{path} is not what {MANIFEST} says: the export is not whole. Run it again.")


def _id(owner: Owner) -> str:
    return owner.run_id if isinstance(owner, SourceRun) else owner.model_id


def _by_run(rows: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        found.setdefault(row["run_id"], {})[row["key"]] = row["value"]
    return found
