"""Writing one run or one logged model into a workspace: only what is missing, then all of it compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlportal._artifacts import Artifacts
from mlportal._mlflow import MOST_METRICS, Point, number_out
from mlportal._transport import quoted
from mlportal.errors import InvalidError
from mlportal.migration.records import (
    Dataset,
    ModelMetric,
    Owner,
    Source,
    SourceFile,
    SourceModel,
    SourceRun,
    checksum,
    file_checksum,
    pack,
)
from mlportal.migration.report import FAILED, Outcome
from mlportal.migration.server_source import ServerSource
from mlportal.workspace import Workspace

SOURCE_ID, DONE = "mlportal.import.source", "mlportal.import.done"
OURS = "mlportal.import."
PARENT, ROOT, NAME, HISTORY = "mlflow.parentRunId", "mlflow.rootRunId", "mlflow.runName", "mlflow.log-model.history"
PENDING = "LOGGED_MODEL_PENDING"
MOST_DATASETS = 100


class Writer:
    """Writes into one workspace. ``on_sent`` is called with the number of points of each batch that was committed.

    ``runs`` and ``models``: source id -> id here, of all that this import is about.
    """

    def __init__(self, source: Source, workspace: Workspace, on_sent: Callable[[int], None]) -> None:
        self.source = source
        self.workspace = workspace
        self.runs: dict[str, str] = {}
        self.models: dict[str, str] = {}
        self.model_metrics: dict[str, list[tuple[str, ModelMetric]]] = {}
        self._on_sent = on_sent
        self._mlflow = workspace._mlflow
        self._target = ServerSource(workspace._transport, workspace.name)

    def create_run(self, run: SourceRun, experiment_id: str) -> str:
        """Create the run that ``run`` becomes, with nothing but the tag that says what it comes from; return its id."""
        row = self._mlflow.create_run(
            experiment_id=experiment_id,
            name=run.name,
            user=run.user,
            start_ms=run.start_ms or 0,
            tags={SOURCE_ID: run.run_id},
        )
        return row.run_id

    def create_model(self, model: SourceModel, experiment_id: str) -> str:
        """Create the logged model that ``model`` becomes and return its id."""
        body: dict[str, Any] = {
            "experiment_id": experiment_id,
            "name": model.name,
            "model_type": model.model_type,
            "params": _pairs(model.params),
            "tags": _pairs({**_kept(model.tags), SOURCE_ID: model.model_id}),
        }
        if model.source_run_id in self.runs:
            body["source_run_id"] = self.runs[model.source_run_id]
        answer = self._mlflow.post("logged-models", body, may_repeat=False)
        return str(answer["model"]["info"]["model_id"])

    def write_run(self, run: SourceRun, outcome: Outcome, *, is_new: bool) -> None:
        """Bring a run to what its source says, compare, and note in its tags that it is done."""
        here = self._target.run(self.runs[run.run_id])
        wanted = self._tags(run)
        self._write_texts(here, run, wanted, outcome)
        self._write_links(here, run, outcome)
        points = self._write_points(here, run, outcome, is_new=is_new)
        self._write_files(here, run, outcome)
        if (here.status, here.end_ms) != (run.status, run.end_ms):
            ended = {} if run.end_ms is None else {"end_time": run.end_ms}
            self._mlflow.change_run("update", here.run_id, status=run.status, **ended)
            outcome.sent += 1
        self._compare_run(run, wanted, points, outcome)
        self._finish(run, outcome, is_new=is_new)
        if outcome.state != FAILED and here.tags.get(DONE) != run.fingerprint:
            self._mlflow.set_tags(here.run_id, {DONE: run.fingerprint})

    def write_model(self, model: SourceModel, outcome: Outcome, *, is_new: bool) -> None:
        """Bring a logged model's files, metrics and status to what its source says, and compare."""
        here = self._model(model)
        self._write_files(here, model, outcome)
        had = {_said(one) for one in here.metrics}
        for one in model.metrics:
            if _said(self._here(one)) not in had and one.run_id in self.runs:
                self._send([(one.point, (self.models[model.model_id], one))], self.runs[one.run_id])
                outcome.sent += 1
        if model.status not in (here.status, PENDING, "LOGGED_MODEL_STATUS_UNSPECIFIED"):
            self._mlflow.change_model("PATCH", quoted(here.model_id), {"status": model.status})
            outcome.sent += 1
        self._compare_model(model, outcome)
        self._finish(model, outcome, is_new=is_new)

    # ---- writing ----------------------------------------------------------------------------------------------------

    def _write_texts(self, here: SourceRun, run: SourceRun, tags: Mapping[str, str], outcome: Outcome) -> None:
        new_params = {key: value for key, value in run.params.items() if here.params.get(key) is None}
        new_tags = {key: value for key, value in tags.items() if here.tags.get(key) != value}
        self._mlflow.log_params(here.run_id, new_params)
        self._mlflow.set_tags(here.run_id, new_tags)
        outcome.sent += len(new_params) + len(new_tags)

    def _write_links(self, here: SourceRun, run: SourceRun, outcome: Outcome) -> None:
        datasets = [one for one in run.datasets if one not in here.datasets]
        inputs = [one for one in self._models(run.model_inputs) if one not in here.model_inputs]
        outputs = [one for one in self._outputs(run) if one not in here.model_outputs]
        for begin in range(0, max(len(datasets), len(inputs)), MOST_DATASETS):
            part = slice(begin, begin + MOST_DATASETS)
            body = {
                "run_id": here.run_id,
                "datasets": [_dataset(one) for one in datasets[part]],
                "models": [{"model_id": one} for one in inputs[part]],
            }
            self._mlflow.post("runs/log-inputs", body)
        if outputs:
            made = [{"model_id": model_id, "step": step} for model_id, step in outputs]
            self._mlflow.post("runs/outputs", {"run_id": here.run_id, "models": made})
        outcome.sent += len(datasets) + len(inputs) + len(outputs)

    def _write_points(
        self, here: SourceRun, run: SourceRun, outcome: Outcome, *, is_new: bool
    ) -> dict[str, tuple[int, str]]:
        """Send the points that are missing; return the number and the checksum of the source's, by metric."""
        found: dict[str, tuple[int, str]] = {}
        waiting: list[_Sent] = []
        about = self._about_models(run)
        for key in run.metric_keys:
            points = {pack(point): point for point in self.source.points(run, key)}
            found[key] = (len(points), checksum(points))
            is_there = key in here.metric_keys and not is_new
            had = {pack(point) for point in self._target.points(here, key)} if is_there else set()
            for packed in sorted(points.keys() - had):
                waiting.append((points[packed], about.get((key, packed))))
                if len(waiting) == MOST_METRICS:
                    self._send(waiting, here.run_id)
                    waiting = []
                outcome.sent += 1
        self._send(waiting, here.run_id)
        return found

    def _send(self, points: Sequence[_Sent], run_id: str) -> None:
        if points:
            self._mlflow.post("runs/log-batch", {"run_id": run_id, "metrics": [_metric(*one) for one in points]})
            self._on_sent(len(points))

    def _write_files(self, here: Owner, owner: Owner, outcome: Outcome) -> None:
        """Upload the files that are missing or differ, and compare each with what lies there afterwards."""
        stored = Artifacts(self.workspace._transport, self.workspace.name, here.artifact_uri)
        there = {file.path: file.size_bytes for file in self._target.files(here)}
        for file in self.source.files(owner):
            try:
                with self.source.fetch(owner, file) as local:
                    self._write_file(stored, here, file, local, there.get(file.path), outcome)
            except InvalidError as error:  # a name that is not allowed here; the others are still worth having
                outcome.problems.append(f"file {file.path!r}: {error}")

    def _write_file(
        self, stored: Artifacts, here: Owner, file: SourceFile, local: Path, had_bytes: int | None, outcome: Outcome
    ) -> None:
        size_bytes, wanted = local.stat().st_size, file_checksum(local)
        if file.sha256 not in (None, wanted):
            outcome.problems.append(f"file {file.path!r}: the source's copy is not what its checksum says")
        if had_bytes != size_bytes or self._target.checksum(here, file.path) != wanted:
            stored.upload(file.path, local)
            outcome.sent += 1
            if self._target.checksum(here, file.path) != wanted:
                outcome.problems.append(f"file {file.path!r}: differs from the source's after it was uploaded")
                return
        outcome.files += 1
        outcome.bytes += size_bytes

    # ---- comparing --------------------------------------------------------------------------------------------------

    def _compare_run(
        self, run: SourceRun, tags: Mapping[str, str], points: Mapping[str, tuple[int, str]], outcome: Outcome
    ) -> None:
        here = self._target.run(self.runs[run.run_id])
        outcome.problems += [
            *_differing("param", run.params, here.params),
            *_differing("tag", tags, here.tags),
            *_missing("dataset", [one.name for one in run.datasets if one not in here.datasets]),
            *_missing("model input", set(self._models(run.model_inputs)) - set(here.model_inputs)),
            *_missing("model output", set(self._outputs(run)) - set(here.model_outputs)),
        ]
        for what in ("name", "user", "status", "start_ms", "end_ms"):
            wanted, is_so = getattr(run, what), getattr(here, what)
            if wanted != is_so and wanted not in ("", None):
                outcome.problems.append(f"{what}: {wanted!r} at the source, {is_so!r} here")
        for key, (count, wanted_sum) in points.items():
            packed = [pack(point) for point in self._target.points(here, key)] if count else []
            if (len(packed), checksum(packed)) == (count, wanted_sum):
                outcome.points += count
            else:
                outcome.problems.append(f"metric {key!r}: {count} points at the source, {len(packed)} here, or others")

    def _compare_model(self, model: SourceModel, outcome: Outcome) -> None:
        here = self._model(model)
        known = [one for one in model.metrics if one.run_id in self.runs]
        missing = {_said(self._here(one)) for one in known} - {_said(one) for one in here.metrics}
        outcome.problems += [
            *_differing("param", model.params, here.params),
            *_differing("tag", _kept(model.tags), here.tags),
            *_missing("metric", [str(one) for one in missing]),
        ]
        for what in ("name", "model_type", "status"):
            wanted, is_so = getattr(model, what), getattr(here, what)
            if wanted != is_so and wanted:
                outcome.problems.append(f"{what}: {wanted!r} at the source, {is_so!r} here")

    def _finish(self, owner: Owner, outcome: Outcome, *, is_new: bool) -> None:
        owner_id = owner.run_id if isinstance(owner, SourceRun) else owner.model_id
        outcome.problems += self.source.problems.get(owner_id, [])
        outcome.finish(is_new=is_new)

    # ---- what things become here ------------------------------------------------------------------------------------

    def _tags(self, run: SourceRun) -> dict[str, str]:
        """Return the tags that a run has here: ids of other runs become the ids that these have here."""
        tags = _kept(run.tags)
        tags.pop(NAME, None)  # the server keeps it beside the name
        for key in (PARENT, ROOT):
            if key in tags:
                tags[key] = self.runs.get(tags[key], tags[key])
        if HISTORY in tags:
            tags[HISTORY] = tags[HISTORY].replace(run.run_id, self.runs[run.run_id])
        return tags

    def _models(self, model_ids: Sequence[str]) -> list[str]:
        return [self.models[one] for one in model_ids if one in self.models]

    def _outputs(self, run: SourceRun) -> list[tuple[str, int]]:
        return [(self.models[one], step) for one, step in run.model_outputs if one in self.models]

    def _about_models(self, run: SourceRun) -> dict[tuple[str, bytes], tuple[str, ModelMetric]]:
        """Return which points of a run say something about which model; of two models the first."""
        found: dict[tuple[str, bytes], tuple[str, ModelMetric]] = {}
        for model_id, one in self.model_metrics.get(run.run_id, []):
            found.setdefault((one.point.key, pack(one.point)), (self.models[model_id], one))
        return found

    def _here(self, one: ModelMetric) -> ModelMetric:
        return ModelMetric(one.point, self.runs[one.run_id], one.dataset_name, one.dataset_digest)

    def _model(self, model: SourceModel) -> SourceModel:
        return self._target.model(self.models[model.model_id])


_Sent = tuple[Point, "tuple[str, ModelMetric] | None"]


def _metric(point: Point, about: tuple[str, ModelMetric] | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": point.key,
        "value": number_out(point.value),
        "timestamp": point.timestamp_ms,
        "step": point.step,
    }
    if about is not None:
        model_id, metric = about
        row["model_id"] = model_id
        if metric.dataset_name:
            row |= {"dataset_name": metric.dataset_name, "dataset_digest": metric.dataset_digest}
    return row


def _said(one: ModelMetric) -> tuple[Any, ...]:
    return (one.point.key, pack(one.point), one.run_id, one.dataset_name, one.dataset_digest)


def _kept(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags without those that an earlier import left."""
    return {key: value for key, value in tags.items() if not key.startswith(OURS)}


def _dataset(one: Dataset) -> dict[str, Any]:
    told = {"name": one.name, "digest": one.digest, "source_type": one.source_type, "source": one.source}
    more = {"schema": one.schema, "profile": one.profile}
    return {"dataset": {**told, **{k: v for k, v in more.items() if v}}, "tags": _pairs(one.tags)}


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _differing(what: str, wanted: Mapping[str, str], here: Mapping[str, str]) -> Iterator[str]:
    for key, value in wanted.items():
        if here.get(key) != value:
            yield f"{what} {key!r}: {value[:80]!r} at the source, {(here.get(key) or '')[:80]!r} here"


def _missing(what: str, names: Any) -> Iterator[str]:
    return (f"{what} {name!r} is missing here" for name in names)
