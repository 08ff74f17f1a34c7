"""Imports: what a source has and a workspace lacks, written there and compared.

The journal is in the workspace itself: every run and logged model that an import makes carries, from its first moment,
the tag ``mlportal.import.source`` (its id at the source), and a run that was found equal to its source the tag
``mlportal.import.done`` (the source's fingerprint). So an import that broke off is completed by the same command, and a
complete one changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from mlportal.errors import ConfigError, ConflictError, MlportalError, NotFoundError
from mlportal.migration.export_source import ExportSource
from mlportal.migration.folder_source import FolderSource
from mlportal.migration.layout import JOURNAL, MANIFEST
from mlportal.migration.lease import only_import
from mlportal.migration.records import Source, SourceExperiment, SourceModel, SourceRegistered, SourceRun
from mlportal.migration.registry import RegistryWriter, portable
from mlportal.migration.report import FAILED, UNCHANGED, OnProgress, Outcome, Progress, Report
from mlportal.migration.server_source import ServerSource
from mlportal.migration.writer import DONE, SOURCE_ID, Writer
from mlportal.workspace import Workspace

WORKERS = 4


@dataclass
class _Job:
    """An experiment to import, and what is here of it already. ``existing``: source id -> (id here, done, deleted)."""

    experiment: SourceExperiment
    runs: list[SourceRun]
    models: list[SourceModel]
    target_id: str | None = None
    target_is_deleted: bool = False
    had_runs: dict[str, _Had] = field(default_factory=dict)
    had_models: dict[str, str] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Tell whether an earlier import finished all of it."""
        runs_done = all(self.is_run_done(run) for run in self.runs)
        return runs_done and all(model.model_id in self.had_models for model in self.models)

    def is_run_done(self, run: SourceRun) -> bool:
        """Tell whether an earlier import found this run, as it still is, equal here."""
        had = self.had_runs.get(run.run_id)
        return had is not None and had.done == run.fingerprint


@dataclass(frozen=True)
class _Had:
    """A run that an earlier import made."""

    run_id: str
    done: str
    is_deleted: bool


def open_source(text: str) -> Source:
    """Return the source at a tracking URI (http, https), in an ``mlruns`` folder or in the folder of an export.

    :raises ConfigError: if it is none of these.
    """
    if text.startswith(("http://", "https://")):
        return ServerSource.at(text)
    folder = Path(text[len("file://") :] if text.startswith("file://") else text)
    if "://" in text and not text.startswith("file://"):
        raise ConfigError(
            f"{text.partition('://')[0]}:// cannot be read. Start `mlflow server --backend-store-uri …` on it "
            "and import from its address."
        )
    if not folder.is_dir():
        raise ConfigError(f"{text!r} is neither the address of a tracking server nor a folder.")
    if (folder / JOURNAL).is_dir() and not (folder / MANIFEST).is_file():
        raise ConfigError(f"{folder} is an export that broke off. Run `mlportal export {folder}` again; it goes on.")
    return ExportSource(folder) if (folder / MANIFEST).is_file() else FolderSource(folder)


def import_into(
    workspace: Workspace,
    source: Source | str,
    *,
    experiments: Sequence[str] = (),
    workers: int = WORKERS,
    verify: bool = False,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
) -> Report:
    """Copy what ``source`` has and ``workspace`` lacks, compare both, and return what was done.

    ``experiments``: only those with these names. ``verify``: compare also what an earlier import found equal. Runs that
    fail do not stop the others. Registered models go with the whole source, not with some of its experiments.

    :raises ConflictError: if another import writes into the workspace.
    :raises NotFoundError: if the source has no experiment of a name.
    """
    found = open_source(source) if isinstance(source, str) else source
    return _Import(found, workspace, workers=workers, verify=verify, on_progress=on_progress).run(
        experiments, dry_run=dry_run
    )


class _Import:
    def __init__(
        self, source: Source, workspace: Workspace, *, workers: int, verify: bool, on_progress: OnProgress | None
    ) -> None:
        self._source = source
        self._workspace = workspace
        self._mlflow = workspace._mlflow
        self._writer = Writer(source, workspace, self._count_points)
        self._workers = workers
        self._verify = verify
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._check_lease: Callable[[], None] = lambda: None
        self._total = self._sent = 0
        self._report = Report(source.name, f"{workspace.endpoint}/w/{workspace.name}")
        if self._report.source == self._report.target:
            raise ConfigError(f"{source.name} cannot be imported into itself.")

    def run(self, names: Sequence[str], *, dry_run: bool) -> Report:
        jobs = [self._look(one) for one in self._chosen(names)]
        runs = [run for job in jobs for run in job.runs]
        models = [model for job in jobs for model in job.models]
        registered = [] if names else portable(self._source.registered(), runs, models)
        self._report.problems += self._source.problems.get("", [])
        if dry_run:
            self._plan(jobs, registered)
            return self._report
        with only_import(self._mlflow, self._source.name) as check_lease:
            self._check_lease = check_lease
            open_jobs = [job for job in jobs if self._open(job)]
            self._create(open_jobs)
            self._fill(open_jobs)
            self._register(jobs, registered)
            for job in open_jobs:
                self._delete_what_is_deleted(job)
        return self._report

    def _plan(self, jobs: Sequence[_Job], registered: Sequence[SourceRegistered]) -> None:
        outcomes = self._report.outcomes
        for job in jobs:
            outcomes += [Outcome("run", job.experiment.name, run.run_id) for run in job.runs]
            outcomes += [Outcome("model", job.experiment.name, one.model_id) for one in job.models]
        for model in registered:
            outcomes.append(Outcome("registered model", "", model.name))
            outcomes += [Outcome("version", "", f"{model.name}/{one.version}") for one in model.versions]

    # ---- looking ----------------------------------------------------------------------------------------------------

    def _chosen(self, names: Sequence[str]) -> list[SourceExperiment]:
        found = list(self._source.experiments())
        missing = set(names) - {one.name for one in found}
        if missing:
            raise NotFoundError(
                f"{self._source.name} has no experiment {sorted(missing)[0]!r}. It has "
                f"{', '.join(sorted(one.name for one in found)[:20])}."
            )
        return [one for one in found if not names or one.name in names]

    def _look(self, experiment: SourceExperiment) -> _Job:
        job = _Job(experiment, list(self._source.runs(experiment)), list(self._source.models(experiment)))
        found = self._mlflow.find_experiment(experiment.name)
        if found is None:
            return job
        job.target_id, job.target_is_deleted = found.experiment_id, found.lifecycle_stage == "deleted"
        for row in self._mlflow.search_runs(
            experiment_ids=[found.experiment_id], filter_=f"tags.`{SOURCE_ID}` IS NOT NULL", view="ALL"
        ):
            source_id = row.tags[SOURCE_ID]
            if source_id in job.had_runs:
                raise ConflictError(
                    f"Runs {job.had_runs[source_id].run_id} and {row.run_id} both come from {source_id}: two imports "
                    "ran at once. Delete one of them."
                )
            job.had_runs[source_id] = _Had(row.run_id, row.tags.get(DONE, ""), row.lifecycle_stage == "deleted")
        for model in self._mlflow.search_models([found.experiment_id]):
            tags = {one["key"]: one.get("value", "") for one in model["info"].get("tags", [])}
            if SOURCE_ID in tags:
                job.had_models[tags[SOURCE_ID]] = model["info"]["model_id"]
        return job

    # ---- making -----------------------------------------------------------------------------------------------------

    def _open(self, job: _Job) -> bool:
        """Make sure that the experiment is there and takes runs; tell whether there is anything to do in it."""
        if job.target_is_deleted:
            if not job.experiment.is_deleted:
                self._report.problems.append(
                    f"Experiment {job.experiment.name!r} is in the trash here: `mlportal experiment restore -n NAME` "
                    "it, or delete it for good, and import again."
                )
                return False
            if job.is_done and not self._verify:
                self._report.outcomes += [self._unchanged(job, run) for run in job.runs]
                return False
            self._mlflow.change_experiment("restore", experiment_id=str(job.target_id))
        if job.target_id is None:
            job.target_id = self._mlflow.create_experiment(job.experiment.name)
        here = self._mlflow.get_experiment(job.target_id).tags
        differing = {key: value for key, value in job.experiment.tags.items() if here.get(key) != value}
        for key, value in differing.items():
            self._mlflow.change_experiment("set-experiment-tag", experiment_id=job.target_id, key=key, value=value)
        here = self._mlflow.get_experiment(job.target_id).tags if differing else here
        self._report.problems += [
            f"Experiment {job.experiment.name!r}: tag {key!r} is {here.get(key)!r} here, {value!r} at the source."
            for key, value in job.experiment.tags.items()
            if here.get(key) != value
        ]
        return True

    def _create(self, jobs: Iterable[_Job]) -> None:
        """Create what is not there yet, empty, so that it is known what each id becomes before ids are written."""
        for job in jobs:
            target_id = str(job.target_id)
            self._writer.runs |= {source_id: had.run_id for source_id, had in job.had_runs.items()}
            self._writer.models |= job.had_models
            new_runs = [run for run in job.runs if run.run_id not in job.had_runs]
            with ThreadPoolExecutor(self._workers) as threads:
                made = threads.map(lambda run, at=target_id: self._writer.create_run(run, at), new_runs)
                self._writer.runs |= dict(zip((run.run_id for run in new_runs), made))
            for model in job.models:
                if model.model_id not in job.had_models:
                    self._writer.models[model.model_id] = self._writer.create_model(model, target_id)
                for metric in model.metrics:
                    self._writer.model_metrics.setdefault(metric.run_id, []).append((model.model_id, metric))

    def _fill(self, jobs: Sequence[_Job]) -> None:
        """Write the contents, several runs at once; models after the runs that they come from."""
        self._total = sum(len(job.runs) + len(job.models) for job in jobs)
        self._count_points(0)
        with ThreadPoolExecutor(self._workers) as threads:
            runs = [threads.submit(self._fill_run, job, run) for job in jobs for run in job.runs]
            self._gather(runs)
            models = [threads.submit(self._fill_model, job, model) for job in jobs for model in job.models]
            self._gather(models)

    def _register(self, jobs: Sequence[_Job], registered: Sequence[SourceRegistered]) -> None:
        """Write registered models, whose versions come from runs and models that are there by now."""
        self._total += sum(1 + len(model.versions) for model in registered)
        for job in jobs:
            self._writer.runs |= {source_id: had.run_id for source_id, had in job.had_runs.items()}
            self._writer.models |= job.had_models
        writer = RegistryWriter(self._mlflow, self._writer.runs, self._writer.models)
        for outcome in writer.write_all(registered):
            self._report.outcomes.append(outcome)
            self._count_points(0)

    def _gather(self, futures: Sequence[Future[Outcome]]) -> None:
        try:
            for future in as_completed(futures):
                self._report.outcomes.append(future.result())
                self._count_points(0)
        except BaseException:
            for future in futures:
                future.cancel()
            raise

    def _count_points(self, count: int) -> None:
        self._check_lease()
        with self._lock:
            self._sent += count
            if self._on_progress is not None:
                self._on_progress(Progress(len(self._report.outcomes), self._total, self._sent))

    def _fill_run(self, job: _Job, run: SourceRun) -> Outcome:
        if job.is_run_done(run) and not self._verify:
            return self._unchanged(job, run)
        outcome = Outcome("run", job.experiment.name, run.run_id, self._writer.runs[run.run_id])
        is_new = run.run_id not in job.had_runs
        return self._try(outcome, lambda: self._writer.write_run(run, outcome, is_new=is_new))

    def _fill_model(self, job: _Job, model: SourceModel) -> Outcome:
        outcome = Outcome("model", job.experiment.name, model.model_id, self._writer.models[model.model_id])
        is_new = model.model_id not in job.had_models
        return self._try(outcome, lambda: self._writer.write_model(model, outcome, is_new=is_new))

    def _try(self, outcome: Outcome, write: Callable[[], None]) -> Outcome:
        try:
            write()
        except (MlportalError, OSError) as error:
            outcome.state = FAILED
            outcome.problems.append(str(error))
        return outcome

    def _delete_what_is_deleted(self, job: _Job) -> None:
        """Move to the trash what lies there at the source."""
        if job.experiment.is_deleted:
            self._mlflow.change_experiment("delete", experiment_id=str(job.target_id))
            return
        for run in job.runs:
            had = job.had_runs.get(run.run_id)
            if run.is_deleted and not (had is not None and had.is_deleted):
                self._mlflow.change_run("delete", self._writer.runs[run.run_id])

    def _unchanged(self, job: _Job, run: SourceRun) -> Outcome:
        run_id = job.had_runs[run.run_id].run_id
        return Outcome("run", job.experiment.name, run.run_id, run_id, UNCHANGED, is_compared=False)
