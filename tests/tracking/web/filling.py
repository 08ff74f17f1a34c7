"""Runs for the tests of pages."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from tracking.core.clock import to_ms, utc_now
from tracking.metrics import store
from tracking.metrics.codec import Points, encode_segment, latest
from tracking.metrics.services import compact, log_batch
from tracking.metrics.store import SeriesChange
from tracking.metrics.types import MAX_BATCH_METRICS, Metric
from tracking.runs.models import Experiment, Run
from tracking.runs.services import create_experiment, create_run, intern_keys
from tracking.runs.types import KeyKind, Pair, RunStatus
from tracking.workspaces.models import Workspace

SECOND_MS = 1000


def add_experiment(workspace: Workspace, name: str) -> Experiment:
    """Create an experiment."""
    return create_experiment(workspace=workspace, name=name, by=None, now=utc_now())


def add_run(
    experiment: Experiment,
    name: str,
    *,
    metrics: Mapping[str, Sequence[float]] | None = None,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    status: RunStatus = RunStatus.FINISHED,
    hours_ago: float = 1.0,
) -> Run:
    """Create a run whose metrics have one point a second, at the steps 0, 1, 2, …"""
    start = utc_now() - timedelta(hours=hours_ago)
    run = create_run(experiment=experiment, name=name, user_name="ann", started_at=start, tags=[])
    log(run, metrics or {})
    given = [Pair(key, value) for key, value in (params or {}).items()]
    log_batch(run=run, metrics=[], params=given, tags=[Pair(key, value) for key, value in (tags or {}).items()])
    if status is not RunStatus.RUNNING:
        Run.objects.filter(pk=run.pk).update(status=status, ended_at=start + timedelta(minutes=5))
    return run


def log(run: Run, metrics: Mapping[str, Sequence[float]], *, first_step: int = 0) -> None:
    """Log points, one a second from ``first_step`` on."""
    start_ms = to_ms(run.started_at) or 0
    points = [
        Metric(key, value, start_ms + step * SECOND_MS, step)
        for key, values in metrics.items()
        for step, value in enumerate(values, start=first_step)
    ]
    for start in range(0, len(points), MAX_BATCH_METRICS):
        log_batch(run=run, metrics=points[start : start + MAX_BATCH_METRICS], params=[], tags=[])


def fill(run: Run, key: str, points: Points) -> None:
    """Log many points of one metric, cheaply: as one segment, which is compacted at once."""
    (key_id,) = intern_keys(experiment_id=run.experiment_id, kind=KeyKind.METRIC, names=[key]).values()
    finite = points.values[np.isfinite(points.values)]
    last = latest(points)
    change = SeriesChange(
        key_id=key_id,
        latest_step=int(points.steps[last]),
        latest_timestamp_ms=int(points.timestamps_ms[last]),
        latest_value=float(points.values[last]),
        min_value=float(finite.min()),
        max_value=float(finite.max()),
        first_step=int(points.steps.min()),
        last_step=int(points.steps.max()),
        received=len(points),
        finite_sum=float(finite.sum()),
        finite_count=len(finite),
    )
    for part, received in ((points.take(slice(0, 1)), 0), (points.take(slice(1, None)), len(points))):
        payload = encode_segment([key_id] * len(part), part)
        store.append(run_id=run.pk, payload=payload, changes=[replace(change, received=received)])
    compact(run_id=run.pk)
