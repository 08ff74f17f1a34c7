"""The first page: workspaces, and what runs now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from tracking.metrics.queries import series_by_run
from tracking.runs.experiment_tree import metric_keys_by_experiment
from tracking.runs.queries import count_experiments_by_workspace, experiment_rows, list_running
from tracking.web.base import credential_of
from tracking.web.directions import Directions
from tracking.web.experiment_table import main_metric
from tracking.web.formats import format_count, format_number, spell_marks, time_element, unnamed
from tracking.web.fragments import render_page
from tracking.web.list_files import Cell, list_file
from tracking.web.snippets import tracking_uri, training_snippets
from tracking.web.workbench import spark_paths
from tracking.workspaces.queries import list_workspaces

if TYPE_CHECKING:
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

FILE_HEAD = ("name", "group", "description", "created_at")
MAX_RUNNING = 200
MAX_RUNNING_SHOWN = 20
MAX_CURVES = 5  # different metrics: each costs five queries


@dataclass(frozen=True, slots=True)
class WorkspaceShown:
    """A line of the list of workspaces."""

    name: str
    group: str
    description: str
    experiment_count: str
    running_count: int


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


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponseBase:
    """Show the workspaces the reader may see and what runs in them; htmx asks for the latter anew, and for the menu.

    As a file: the workspaces.
    """
    workspaces = list_workspaces(credential=credential_of(request))
    if request.headers.get("HX-Target") == "workspace-menu":
        return render_page(request, "home/_workspace_menu.html", {"workspaces": workspaces})
    if file := list_file(request, name="workspaces", head=FILE_HEAD, rows=map(_file_row, workspaces)):
        return file
    running = list_running(workspaces=workspaces, limit=MAX_RUNNING)
    curves = curves_of(running[:MAX_RUNNING_SHOWN])
    still_running = {
        "running": [_running_shown(run, curves.get(run.pk)) for run in running[:MAX_RUNNING_SHOWN]],
        "more_running": max(0, len(running) - MAX_RUNNING_SHOWN),
    }
    if request.headers.get("HX-Target") == "running":
        return render_page(request, "home/_running.html", still_running)
    experiments = count_experiments_by_workspace(workspaces=workspaces)
    context = {
        "workspaces": [_workspace_shown(one, experiments.get(one.pk, 0), running) for one in workspaces],
        **still_running,
        "snippets": training_snippets(uri=tracking_uri(workspace=workspaces[0].name)) if workspaces else (),
    }
    return render_page(request, "home/home.html", context)


def _file_row(workspace: Workspace) -> tuple[Cell, ...]:
    return workspace.name, workspace.group.name, workspace.description, workspace.created_at


def _workspace_shown(workspace: Workspace, experiment_count: int, running: list[Run]) -> WorkspaceShown:
    return WorkspaceShown(
        name=workspace.name,
        group=workspace.group.name,
        description=workspace.description,
        experiment_count=format_count(experiment_count),
        running_count=sum(run.workspace_id == workspace.pk for run in running),
    )


def curves_of(runs: Sequence[Run]) -> dict[int, Curve]:
    """Return the metric that says most of each run that has one, by run. Three queries, and five a metric."""
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
