"""What runs now, and how well: the list on the first page and on a workspace's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.safestring import SafeString

from tracking.metrics.queries import series_by_run
from tracking.metrics.types import SeriesRow
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


def running_list(runs: Sequence[Run]) -> dict[str, object]:
    """Return what components/running_list.html shows of runs that run. Three queries, and five a metric."""
    shown = runs[:MAX_SHOWN]
    series = main_series(shown)
    sparks = _sparks(shown, series)
    return {
        "running": [_running_shown(run, series.get(run.pk), sparks.get(run.uid, "")) for run in shown],
        "more_running": max(0, len(runs) - MAX_SHOWN),
    }


def main_series(runs: Sequence[Run]) -> dict[int, SeriesRow]:
    """Return the metric that says how good a run is, by run; without those that have none. Three queries."""
    experiments = {run.experiment_id: run.experiment for run in runs}
    directions = {row.pk: Directions.from_tags(row.tags) for row in experiment_rows(list(experiments.values()))}
    keys = metric_keys_by_experiment(experiment_ids=list(experiments))
    metrics = {pk: metric for pk, names in keys.items() if (metric := main_metric(names, directions[pk]))}
    found = series_by_run(run_ids=[run.pk for run in runs], keys=sorted(set(metrics.values())))
    return {run.pk: one for run in runs for one in found.get(run.pk, ()) if one.key == metrics.get(run.experiment_id)}


def _sparks(runs: Sequence[Run], series: Mapping[int, SeriesRow]) -> dict[str, str]:
    """Return the curves of these series by the uid of their run, those of the first metrics alone."""
    by_metric: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.pk in series:
            by_metric[series[run.pk].key].append(run)
    sparks: dict[str, str] = {}
    for metric in sorted(by_metric)[:MAX_CURVES]:
        mine = by_metric[metric]
        sparks |= spark_paths(mine, metric, [series[run.pk] for run in mine])
    return sparks


def _running_shown(run: Run, series: SeriesRow | None, spark: str) -> RunningShown:
    return RunningShown(
        uid=run.uid,
        name=unnamed(run.name),
        workspace=run.workspace.name,
        experiment_id=run.experiment_id,
        experiment=spell_marks(run.experiment.name),
        user_name=run.user_name,
        started=time_element(run.started_at, is_relative=True),
        metric=series.key if series else "",
        last=format_number(series.latest_value) if series else "",
        spark=spark,
    )
