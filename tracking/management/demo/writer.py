"""Writing plans through the services, as if clients had sent them."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import run_folder
from tracking.artifacts.services import put_file
from tracking.cleanup.demo import IS_DEMO
from tracking.core.clock import to_ms
from tracking.core.errors import AlreadyExistsError
from tracking.management.demo.plans import ExperimentPlan, ModelPlan, RunPlan
from tracking.metrics.services import log_batch
from tracking.metrics.types import MAX_BATCH_METRICS, Metric
from tracking.registry.queries import get_registered
from tracking.registry.services import (
    create_model,
    create_registered,
    create_version,
    finish_model,
    log_batch_on_models,
    log_inputs,
    log_outputs,
    set_alias,
)
from tracking.registry.sources import Given
from tracking.registry.types import LoggedModelStatus, ModelMetric
from tracking.runs.services import create_experiment, create_run, update_run
from tracking.runs.types import NOTE_TAG, PARENT_RUN_TAG, Pair, RunStatus

if TYPE_CHECKING:
    from tracking.identity.models import User
    from tracking.registry.models import LoggedModel
    from tracking.runs.models import Experiment, Run
    from tracking.workspaces.models import Workspace

REGISTERED = "Says which of ten flowers a picture shows. The **champion** answers in production."


def write_experiment(*, workspace: "Workspace", plan: ExperimentPlan, by: "User") -> int:
    """Create an experiment with all its runs; return how many."""
    experiment = create_experiment(
        workspace=workspace,
        name=plan.name,
        tags=[*_pairs(plan.tags), Pair(NOTE_TAG, plan.note.strip()), IS_DEMO],
        by=by,
        now=plan.created_at,
    )
    in_time = sorted(plan.runs, key=lambda run: run.started_at)
    return sum(_write_run(experiment, run, {}, by) for run in in_time)


def _write_run(experiment: "Experiment", plan: RunPlan, tags: Mapping[str, str], by: "User") -> int:
    run = create_run(
        experiment=experiment,
        name=plan.name,
        user_name=plan.user_name,
        started_at=plan.started_at,
        tags=[*_pairs(plan.tags), *_pairs(tags), IS_DEMO],
    )
    log_batch(run=run, metrics=(), params=_pairs(plan.params), tags=())
    points = _points(plan)
    for start in range(0, len(points), MAX_BATCH_METRICS):
        log_batch(run=run, metrics=points[start : start + MAX_BATCH_METRICS], params=(), tags=())
    log_inputs(run=run, datasets=plan.datasets, model_uids=())
    _put_files(run, run_folder(run), plan.files)
    if plan.model is not None:
        _write_model(experiment, run, plan.model, plan.started_at + plan.duration, by)
    written = 1 + sum(_write_run(experiment, child, {PARENT_RUN_TAG: run.uid}, by) for child in plan.children)
    if plan.status is not RunStatus.RUNNING:
        update_run(run=run, status=plan.status, ended_at=plan.started_at + plan.duration, name="")
    return written


def _write_model(experiment: "Experiment", run: "Run", plan: ModelPlan, at: datetime, by: "User") -> None:
    model = create_model(
        experiment=experiment,
        name=plan.name,
        model_type=plan.model_type,
        source_run=run,
        params=_pairs(plan.params),
        tags=[IS_DEMO],
        now=at,
    )
    log_outputs(run=run, models=[(model.uid, plan.step)])
    _put_files(run, ArtifactPath((str(experiment.pk), "models", model.uid, "artifacts")), plan.files)
    at_ms, on = to_ms(at) or 0, plan.dataset
    log_batch_on_models(
        run=run,
        metrics=(),
        params=(),
        tags=(),
        model_metrics=[
            (model.uid, ModelMetric(key, value, at_ms, plan.step, run.uid, on.name, on.digest))
            for key, value in plan.metrics.items()
        ],
    )
    finish_model(model=model, status=LoggedModelStatus.READY, now=at)
    _register(model, run, plan, at, by)


def _register(logged: "LoggedModel", run: "Run", plan: ModelPlan, at: datetime, by: "User") -> None:
    """Make a version of a logged model, of the registered model of its name, whoever made that."""
    try:
        model = create_registered(
            workspace=run.workspace, name=plan.name, description=REGISTERED, tags=[IS_DEMO], by=by, now=at
        )
    except AlreadyExistsError:
        model = get_registered(workspace=run.workspace, name=plan.name)
    version = create_version(
        model=model,
        given=Given(source=f"models:/{logged.uid}", run_uid=run.uid, model_uid=logged.uid),
        run_link="",
        description=plan.description,
        tags=[IS_DEMO],
        by=by,
        now=at,
    )
    set_alias(version=version, name=plan.alias, by=by, now=at)


def _points(plan: RunPlan) -> list[Metric]:
    """Return all points of a run in the order of their time."""
    start_ms, lasted_ms = to_ms(plan.started_at) or 0, plan.duration.total_seconds() * 1000
    points = []
    for series in plan.series:
        count = len(series.steps)
        times = start_ms + (lasted_ms * np.arange(1, count + 1) / count).astype(np.int64)
        rows = zip(series.values.tolist(), times.tolist(), series.steps.tolist(), strict=True)
        points += [Metric(series.key, value, at_ms, step) for value, at_ms, step in rows]
    points.sort(key=lambda point: point.timestamp_ms)
    return points


def _put_files(run: "Run", folder: ArtifactPath, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        put_file(workspace=run.workspace, path=folder / path, chunks=[content], size_bytes=len(content))


def _pairs(given: Mapping[str, str]) -> list[Pair]:
    return [Pair(key, value) for key, value in given.items()]
