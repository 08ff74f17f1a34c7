"""Exports: a workspace as a folder of Parquet tables and files. Said again, it goes on with what is not there yet."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mlportal._artifacts import safe_target
from mlportal._version import __version__
from mlportal.errors import ConfigError, MlportalError, NotFoundError
from mlportal.migration import layout
from mlportal.migration._parquet import Columns, write_table
from mlportal.migration.layout import FORMAT, JOURNAL, MANIFEST, artifacts_path, metrics_path
from mlportal.migration.records import Owner, SourceExperiment, SourceRegistered, SourceRun, file_checksum
from mlportal.migration.registry import portable
from mlportal.migration.report import EXPORTED, FAILED, UNCHANGED, OnProgress, Outcome, Progress, Report
from mlportal.migration.server_source import ServerSource
from mlportal.workspace import Workspace

WORKERS = 4


def export_workspace(
    workspace: Workspace,
    folder: str | os.PathLike[str],
    *,
    experiments: Sequence[str] = (),
    workers: int = WORKERS,
    on_progress: OnProgress | None = None,
) -> Report:
    """Write a workspace, or only ``experiments`` of it, to a folder, and return what was done.

    Registered models go with the whole workspace, not with some of its experiments.

    Runs that are there already and did not change are left as they are. Each run is written whole or not at all; the
    tables and the manifest come last, so that a folder with a manifest that fits is complete.

    :raises ConfigError: if pyarrow is missing, or the folder holds something else.
    :raises NotFoundError: if there is no experiment of a name.
    """
    return _Export(workspace, Path(folder), workers=workers, on_progress=on_progress).run(experiments)


class _Export:
    def __init__(self, workspace: Workspace, folder: Path, *, workers: int, on_progress: OnProgress | None) -> None:
        self._source = ServerSource(workspace._transport, workspace.name)
        self._workspace = workspace
        self._folder = folder
        self._workers = workers
        self._on_progress = on_progress
        self._report = Report(self._source.name, str(folder.resolve()))
        if folder.is_dir() and any(folder.iterdir()) and not (folder / JOURNAL).is_dir():
            raise ConfigError(f"{folder} is not empty, and what is in it is no export. Name another folder.")

    def run(self, names: Sequence[str]) -> Report:
        (self._folder / JOURNAL).mkdir(parents=True, exist_ok=True)
        write_table(self._folder / JOURNAL / "probe.parquet", layout.FILES, [])  # says at once if pyarrow is missing
        experiments = self._chosen(names)
        runs = [run for one in experiments for run in self._source.runs(one)]
        models = [model for one in experiments for model in self._source.models(one)]
        named = {one.experiment_id: one.name for one in experiments}
        owners: list[Owner] = [*runs, *models]
        with ThreadPoolExecutor(self._workers) as threads:
            for outcome in threads.map(lambda owner: self._write(owner, named[owner.experiment_id]), owners):
                self._report.outcomes.append(outcome)
                self._tell(len(owners))
        if self._report.is_verified:
            self._write_tables(experiments, owners, [] if names else portable(self._source.registered(), runs, models))
        return self._report

    def _chosen(self, names: Sequence[str]) -> list[SourceExperiment]:
        found = list(self._source.experiments())
        missing = set(names) - {one.name for one in found}
        if missing:
            raise NotFoundError(f"Workspace {self._workspace.name!r} has no experiment {sorted(missing)[0]!r}.")
        return [one for one in found if not names or one.name in names]

    # ---- one run or model -------------------------------------------------------------------------------------------

    def _write(self, owner: Owner, experiment: str) -> Outcome:
        kind, owner_id = _named(owner)
        outcome = Outcome(kind, experiment, owner_id, owner_id, EXPORTED)
        noted = self._noted(owner_id)
        try:
            if noted is not None and noted["fingerprint"] == owner.fingerprint and self._has_files(owner, noted):
                outcome.state, outcome.is_compared = UNCHANGED, False
            else:
                noted = self._write_anew(owner, owner_id)
        except (MlportalError, OSError) as error:
            outcome.state = FAILED
            outcome.problems.append(str(error))
            return outcome
        outcome.points, outcome.files = noted["points"], len(noted["files"])
        outcome.bytes = sum(file["size_bytes"] for file in noted["files"])
        return outcome

    def _write_anew(self, owner: Owner, owner_id: str) -> dict[str, Any]:
        """Write points, then files, then the note that says that both are whole."""
        points, checksum = self._write_points(owner) if isinstance(owner, SourceRun) else (0, "")
        files = self._write_files(owner, owner_id)
        noted = {"fingerprint": owner.fingerprint, "points": points, "metrics_sha256": checksum, "files": files}
        _replace(self._note(owner_id), json.dumps(noted, ensure_ascii=False))
        return noted

    def _write_points(self, run: SourceRun) -> tuple[int, str]:
        points = (one for key in run.metric_keys for one in self._source.points(run, key))
        rows = [(one.key, one.value, one.timestamp_ms, one.step) for one in points]
        path = metrics_path(self._folder, run.run_id)
        write_table(path, layout.METRICS, rows)
        return len(rows), file_checksum(path)

    def _write_files(self, owner: Owner, owner_id: str) -> list[dict[str, Any]]:
        root, rows = artifacts_path(self._folder, owner_id), []
        for file in self._source.files(owner):
            target = safe_target(root, file.path)
            self._source.download(owner, file.path, target)
            size_bytes = target.stat().st_size
            if file.size_bytes not in (None, size_bytes):
                raise MlportalError(f"file {file.path!r} has {size_bytes} bytes, not {file.size_bytes}: it was changed")
            row = {"owner_id": owner_id, "path": file.path, "size_bytes": size_bytes, "sha256": file_checksum(target)}
            rows.append(row)
        return rows

    def _has_files(self, owner: Owner, noted: dict[str, Any]) -> bool:
        """Tell whether the files are those that were written, by name and size."""
        there = {file.path: file.size_bytes for file in self._source.files(owner)}
        return there == {file["path"]: file["size_bytes"] for file in noted["files"]}

    def _note(self, owner_id: str) -> Path:
        return self._folder / JOURNAL / f"{owner_id}.json"

    def _noted(self, owner_id: str) -> dict[str, Any] | None:
        try:
            noted: dict[str, Any] = json.loads(self._note(owner_id).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return noted

    def _tell(self, total: int) -> None:
        if self._on_progress is not None:
            outcomes = self._report.outcomes
            self._on_progress(Progress(len(outcomes), total, sum(one.points for one in outcomes)))

    # ---- the whole --------------------------------------------------------------------------------------------------

    def _write_tables(
        self,
        experiments: Sequence[SourceExperiment],
        owners: Sequence[Owner],
        registered: Sequence[SourceRegistered],
    ) -> None:
        runs = [one for one in owners if isinstance(one, SourceRun)]
        models = [one for one in owners if not isinstance(one, SourceRun)]
        notes = {_named(one)[1]: self._noted(_named(one)[1]) or {} for one in owners}
        run_rows = [{**notes[run.run_id], **layout.run_row(run)} for run in runs]
        tables: dict[str, tuple[Columns, Sequence[layout.Row]]] = {
            "experiments": (layout.EXPERIMENTS, [layout.experiment_row(one) for one in experiments]),
            "runs": (layout.RUNS, run_rows),
            "params": (layout.TEXTS, [_text(run, pair) for run in runs for pair in run.params.items()]),
            "tags": (layout.TEXTS, [_text(run, pair) for run in runs for pair in run.tags.items()]),
            "models": (layout.MODELS, [layout.model_row(one) for one in models]),
            "registered_models": (layout.REGISTERED, [layout.registered_row(one) for one in registered]),
            "model_versions": (layout.VERSIONS, [layout.version_row(v) for one in registered for v in one.versions]),
            "files": (layout.FILES, [file for note in notes.values() for file in note["files"]]),
        }
        told = {}
        for name, (columns, rows) in tables.items():
            path = self._folder / f"{name}.parquet"
            write_table(path, columns, layout.cells(columns, rows))
            told[name] = {"rows": len(rows), "sha256": file_checksum(path)}
        manifest = {
            "format": FORMAT,
            "mlportal": __version__,
            "endpoint": self._workspace.endpoint,
            "workspace": self._workspace.name,
            "counts": {**{name: one["rows"] for name, one in told.items()}, **self._sums()},
            "tables": told,
        }
        _replace(self._folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False))

    def _sums(self) -> dict[str, int]:
        return {name: sum(getattr(one, name) for one in self._report.outcomes) for name in ("points", "bytes")}


def _named(owner: Owner) -> tuple[str, str]:
    return ("run", owner.run_id) if isinstance(owner, SourceRun) else ("model", owner.model_id)


def _text(run: SourceRun, pair: tuple[str, str]) -> layout.Row:
    return {"run_id": run.run_id, "key": pair[0], "value": pair[1]}


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
