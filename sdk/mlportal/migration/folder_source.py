"""An ``mlruns`` folder, as MLflow's file store writes it, as a source.

``<experiment>/meta.yaml``, ``<experiment>/<run>/meta.yaml``, and below a run ``params/<key>`` and ``tags/<key>`` (the
value), ``metrics/<key>`` (lines "timestamp value step"), ``inputs/``, ``outputs/``, ``artifacts/``; a key with slashes
is a path. Deleted experiments lie in ``.trash/``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from mlportal._mlflow import Point
from mlportal.errors import ConfigError
from mlportal.migration.records import (
    Dataset,
    ModelMetric,
    Owner,
    Problems,
    SourceExperiment,
    SourceFile,
    SourceModel,
    SourceRegistered,
    SourceRun,
    SourceVersion,
)

META = "meta.yaml"
TRASH, REGISTRY, VERSION, DELETED = ".trash", "models", "version-", "Deleted_Internal"
NOT_RUNS = frozenset({"tags", "datasets", "traces", "models"})
STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
MODEL_STATUS = {
    0: "LOGGED_MODEL_STATUS_UNSPECIFIED",
    1: "LOGGED_MODEL_PENDING",
    2: "LOGGED_MODEL_READY",
    3: "LOGGED_MODEL_UPLOAD_FAILED",
}
Meta = Mapping[str, Any]


class FolderSource:
    """What one ``mlruns`` folder holds. Nothing in it is changed."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder.resolve())
        self.problems: Problems = {}
        self._folders: dict[str, Path] = {}
        self._root = folder
        if not any(self._experiment_folders()):
            raise ConfigError(f"{self.name} is no mlruns folder: it has no */meta.yaml in it.")

    def experiments(self) -> Iterator[SourceExperiment]:
        """Yield every experiment, deleted ones too."""
        for folder in self._experiment_folders():
            meta = self._meta(folder)
            if meta is not None:
                experiment_id = str(meta.get("experiment_id", folder.name))
                self._folders[experiment_id] = folder
                is_deleted = meta.get("lifecycle_stage") == "deleted" or folder.parent.name == TRASH
                yield SourceExperiment(experiment_id, str(meta["name"]), is_deleted, self._values(folder / "tags"))

    def runs(self, experiment: SourceExperiment) -> Iterator[SourceRun]:
        """Yield every run of an experiment, deleted ones too."""
        for folder in _subfolders(self._folders[experiment.experiment_id]):
            if folder.name not in NOT_RUNS:
                meta = self._meta(folder)
                if meta is not None:
                    run_id = str(meta.get("run_id") or meta.get("run_uuid") or folder.name)
                    self._folders[run_id] = folder
                    yield self._run(folder, run_id, experiment.experiment_id, meta)

    def models(self, experiment: SourceExperiment) -> Iterator[SourceModel]:
        """Yield the logged models of an experiment."""
        for folder in _subfolders(self._folders[experiment.experiment_id] / "models"):
            meta = self._meta(folder)
            if meta is not None and meta.get("lifecycle_stage") != "deleted":
                model_id = str(meta.get("model_id", folder.name))
                self._folders[model_id] = folder
                yield SourceModel(
                    model_id=model_id,
                    experiment_id=experiment.experiment_id,
                    name=str(meta.get("name") or ""),
                    model_type=str(meta.get("model_type") or ""),
                    status=_word(meta.get("status"), MODEL_STATUS),
                    source_run_id=str(meta.get("source_run_id") or ""),
                    artifact_uri=str(meta.get("artifact_location") or ""),
                    params=self._values(folder / "params"),
                    tags=self._values(folder / "tags"),
                    metrics=tuple(self._model_metrics(folder / "metrics")),
                )

    def points(self, run: SourceRun, key: str) -> list[Point]:
        """Return every point of a metric that can be read; the other lines become problems."""
        found = []
        for fields, where in self._lines(self._folders[run.run_id] / "metrics" / key):
            point = _point(key, fields)
            if point is None:
                self._say(run.run_id, f"{where}: no metric: {' '.join(fields)[:80]!r}")
            else:
                found.append(point)
        return found

    def files(self, owner: Owner) -> Iterator[SourceFile]:
        """Yield every file of a run or a model."""
        root = self._artifacts(owner)
        for path in _walk(root):
            yield SourceFile(path.relative_to(root).as_posix(), path.stat().st_size)

    @contextmanager
    def fetch(self, owner: Owner, file: SourceFile) -> Iterator[Path]:
        """Give the file itself."""
        yield self._artifacts(owner) / file.path

    def registered(self) -> Iterator[SourceRegistered]:
        """Yield every registered model, prompts too."""
        for folder in _subfolders(self._root / REGISTRY):
            meta = self._meta(folder)
            if meta is not None:
                name = str(meta.get("name", folder.name))
                found = (self._version(one, name) for one in _subfolders(folder) if one.name.startswith(VERSION))
                aliases = self._values(folder / "aliases")
                yield SourceRegistered(
                    name=name,
                    description=str(meta.get("description") or ""),
                    tags=self._values(folder / "tags"),
                    aliases={alias: int(number) for alias, number in aliases.items() if number.strip().isdigit()},
                    versions=tuple(sorted((one for one in found if one is not None), key=lambda one: one.version)),
                )

    def _version(self, folder: Path, name: str) -> SourceVersion | None:
        meta, number = self._meta(folder), folder.name[len(VERSION) :]
        if meta is None or meta.get("current_stage") == DELETED or not number.isdigit():
            return None
        texts = {key: str(meta.get(key) or "") for key in ("description", "source", "run_id", "run_link", "model_id")}
        stage = str(meta.get("current_stage") or "None")
        return SourceVersion(name=name, version=int(number), stage=stage, tags=self._values(folder / "tags"), **texts)

    def _experiment_folders(self) -> Iterator[Path]:
        for root in (self._root, self._root / TRASH):
            for folder in _subfolders(root):
                if folder.name not in (TRASH, REGISTRY) and (folder / META).is_file():
                    yield folder

    def _run(self, folder: Path, run_id: str, experiment_id: str, meta: Meta) -> SourceRun:
        metrics = [*_walk(folder / "metrics")]
        params, tags = self._values(folder / "params"), self._values(folder / "tags")
        inputs = [one for one in map(self._meta, _subfolders(folder / "inputs")) if one is not None]
        outputs = [one for one in map(self._meta, _subfolders(folder / "outputs")) if one is not None]
        state = (sorted(meta.items(), key=str), params, tags, inputs, outputs, [_state(one) for one in metrics])
        return SourceRun(
            run_id=run_id,
            experiment_id=experiment_id,
            name=str(meta.get("run_name") or tags.get("mlflow.runName", "")),
            user=str(meta.get("user_id") or ""),
            status=_word(meta.get("status"), STATUS),
            is_deleted=meta.get("lifecycle_stage") == "deleted",
            start_ms=meta.get("start_time"),
            end_ms=meta.get("end_time"),
            artifact_uri=str(meta.get("artifact_uri") or ""),
            params=params,
            tags=tags,
            metric_keys=tuple(one.relative_to(folder / "metrics").as_posix() for one in metrics),
            datasets=tuple(self._dataset(folder.parent, one) for one in inputs if one.get("source_type") == "DATASET"),
            model_inputs=tuple(str(one["source_id"]) for one in inputs if one.get("source_type") == "MODEL"),
            model_outputs=tuple((str(one["source_id"]), int(one.get("step") or 0)) for one in outputs),
            fingerprint=hashlib.sha256(repr(state).encode()).hexdigest(),
        )

    def _dataset(self, experiment: Path, told: Meta) -> Dataset:
        folder = experiment / "datasets" / str(told["source_id"])
        meta = self._meta(folder) or {}
        texts = {name: str(meta.get(name) or "") for name in ("digest", "source_type", "source", "schema", "profile")}
        tags = {str(key): str(value) for key, value in (told.get("tags") or {}).items()}
        return Dataset(name=str(meta.get("name", folder.name)), tags=tags, **texts)

    def _model_metrics(self, folder: Path) -> Iterator[ModelMetric]:
        for path in _walk(folder):
            key = path.relative_to(folder).as_posix()
            for fields, where in self._lines(path):
                point = _point(key, fields[:3])
                if point is None or len(fields) < 4:
                    self._say(folder.parent.name, f"{where}: no metric of a model: {' '.join(fields)[:80]!r}")
                else:
                    yield ModelMetric(point, fields[3], " ".join(fields[4:-1]), fields[-1] if len(fields) > 4 else "")

    def _lines(self, path: Path) -> Iterator[tuple[list[str], str]]:
        with open(path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield line.split(), f"{path}:{number}"

    def _values(self, folder: Path) -> dict[str, str]:
        return {path.relative_to(folder).as_posix(): _text(path) for path in _walk(folder)}

    def _meta(self, folder: Path) -> Meta | None:
        path = folder / META
        try:
            with open(path, encoding="utf-8") as file:
                meta = yaml.safe_load(file)
        except FileNotFoundError:
            return None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            meta, why = None, " ".join(str(error).split())
        else:
            why = "it holds no mapping"
        if not isinstance(meta, dict):
            self._say("", f"{path}: cannot be read: {why}")
            return None
        return meta

    def _artifacts(self, owner: Owner) -> Path:
        """Return where the files of a run or a model lie; a folder that was moved has them still below it."""
        owner_id = owner.run_id if isinstance(owner, SourceRun) else owner.model_id
        beside = self._folders[owner_id] / "artifacts"
        parts = urlsplit(owner.artifact_uri)
        if any(_walk(beside)) or not owner.artifact_uri:
            return beside
        if parts.scheme not in ("", "file"):
            self._say(
                owner_id,
                f"{self._folders[owner_id]}: its files are at {owner.artifact_uri}, which cannot be read from here; "
                "import from the running server instead",
            )
            return beside
        return Path(unquote(parts.path))

    def _say(self, owner_id: str, problem: str) -> None:
        said = self.problems.setdefault(owner_id, [])
        if problem not in said:
            said.append(problem)


def _point(key: str, fields: list[str]) -> Point | None:
    """Return the point of a line: "timestamp value", with a step, and perhaps a dataset's name and digest after it."""
    try:
        time_ms, value = int(fields[0]), float(fields[1])
        return Point(key, value, time_ms, int(fields[2]) if len(fields) > 2 else 0)
    except (ValueError, IndexError):
        return None


def _text(path: Path) -> str:
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        return file.read()


def _state(path: Path) -> tuple[str, int, int]:
    told = path.stat()
    return (path.name, told.st_size, told.st_mtime_ns)


def _word(value: object, words: Mapping[int, str]) -> str:
    """Return a status, which older versions wrote as a number."""
    return words.get(value, str(value)) if isinstance(value, int) else str(value)


def _subfolders(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders.sort()
        yield from (Path(root, file) for file in sorted(files))
