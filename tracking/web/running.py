"""What runs now, and how well: the list on the first page and on a workspace's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.safestring import SafeString

from tracking.metrics.queries import series_by_run
from tracking.runs.experiment_tree import metric_keys_by_experiment
from tracking.runs.queries import experiment_rows
from tracking.web.directions import Directions
from tracking.web.experiment_table import main_metric
from tracking.web.formats import format_number, spell_marks, time_element, unnamed
from tracking.web.workbench import spark_paths

if TYPE_CHECKING:
    from tracking.runs.models import Run

MAX_RUNNING = 200  # counted
MAX_SHOWN = 20
MAX_CURVES = 5  # different metrics: each costs five queries


@dataclass(frozen=True, slots=True)
class RunningShown:
    """A line of what runs now, with the metric that says how good it is, "" where none does."""

    uid: str
    name: str
    workspace: str
    experiment_id: int
    experiment: str
    user_name: str
    started: SafeString
    metric: str
    last: str
    spark: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The metric that says how good a run is: its last value and its curve."""

    metric: str
    last: str
    spark: str


def running_list(runs: Sequence[Run]) -> dict[str, object]:
    """Return what components/running_list.html shows of runs that run. Three queries, and five a metric."""
    shown = runs[:MAX_SHOWN]
    curves = _curves_of(shown)
    return {
        "running": [_running_shown(run, curves.get(run.pk)) for run in shown],
        "more_running": max(0, len(runs) - MAX_SHOWN),
    }


def _curves_of(runs: Sequence[Run]) -> dict[int, Curve]:
    """Return the metric that says most of each run that has one, by run."""
    experiments = {run.experiment_id: run.experiment for run in runs}
    directions = {row.pk: Directions.from_tags(row.tags) for row in experiment_rows(list(experiments.values()))}
    keys = metric_keys_by_experiment(experiment_ids=list(experiments))
    metrics = {pk: metric for pk, names in keys.items() if (metric := main_metric(names, directions[pk]))}
    wanted = sorted(set(metrics.values()))[:MAX_CURVES]
    series = series_by_run(run_ids=[run.pk for run in runs], keys=wanted)
    curves: dict[int, Curve] = {}
    for metric in wanted:
        mine = [run for run in runs if metrics.get(run.experiment_id) == metric]
        found = {run.pk: one for run in mine for one in series.get(run.pk, ()) if one.key == metric}
        paths = spark_paths(mine, metric, list(found.values())) if found else {}
        for run in mine:
            if run.pk in found:
                last = format_number(found[run.pk].latest_value)
                curves[run.pk] = Curve(metric, last, paths.get(run.uid, ""))
    return curves


def _running_shown(run: Run, curve: Curve | None) -> RunningShown:
    return RunningShown(
        uid=run.uid,
        name=unnamed(run.name),
        workspace=run.workspace.name,
        experiment_id=run.experiment_id,
        experiment=spell_marks(run.experiment.name),
        user_name=run.user_name,
        started=time_element(run.started_at, is_relative=True),
        metric=curve.metric if curve else "",
        last=curve.last if curve else "",
        spark=curve.spark if curve else "",
    )
