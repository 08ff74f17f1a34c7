"""What there is to know of an experiment at a glance: its note, its size, how its runs stand, and the best of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from tracking.runs.experiment_tree import summaries_of
from tracking.runs.queries import experiment_row, get_experiment, list_keys
from tracking.runs.tables import GroupKey, group_runs
from tracking.runs.types import NOTE_TAG, KeyKind, RunStatus
from tracking.web.base import workspace_page
from tracking.web.best_runs import best_by_metric, board_rows, shown_boards, usual_metrics
from tracking.web.directions import Directions
from tracking.web.experiment_head import experiment_head
from tracking.web.experiment_table import shown_experiments
from tracking.web.formats import StatusShown, format_count, status_shown, time_element
from tracking.web.links import link_with, query_with
from tracking.web.list_files import list_file
from tracking.web.markup import render_markdown
from tracking.web.workbench import Asked
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.runs.models import Experiment
    from tracking.workspaces.models import Workspace

MAX_ASKED = 8  # metrics that an address may name
RUNS_SHOWN, RUNS_OF_ONE = 5, 25
CHOICES = 100  # metrics that the box offers
FILE_HEAD = ("metric", "better", "place", "run_id", "run_name", "status", "value")


@dataclass(frozen=True, slots=True)
class DirectionSaid:
    """Which way somebody said that a metric gets better; ``link`` shows its best runs."""

    metric: str
    direction: str
    link: str


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many runs are in a state; ``link`` shows them."""

    status: StatusShown
    run_count: str
    link: str


@require_safe
@workspace_page(need=Permission.READ)
def experiment_overview(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponseBase:
    """Show an experiment's note, facts and best runs: by each ``?metric=``, or by its main metrics; also as a file.

    ``sizes=all`` measures what its runs hold, however many they are, and their artifacts.
    """
    experiment = get_experiment(workspace=workspace, experiment_id=str(experiment_id))
    query = request.GET
    row = experiment_row(experiment)
    directions = Directions.from_tags(row.tags)
    asked = Asked.of(workspace, experiment, QueryDict())
    keys = list_keys(experiment_ids=[experiment.pk], kind=KeyKind.METRIC)
    chosen = list(dict.fromkeys(name for name in query.getlist("metric") if name))[:MAX_ASKED]
    metrics = [name for name in chosen if name in keys] if chosen else usual_metrics(asked, directions)
    best = best_by_metric(asked, metrics, directions, limit=RUNS_OF_ONE if len(chosen) == 1 else RUNS_SHOWN)
    if file := list_file(request, name="best_runs", head=FILE_HEAD, rows=board_rows(best, directions)):
        return file
    (facts,) = shown_experiments(
        workspace, summaries_of(experiment_ids=[experiment.pk]), starred=(), is_all_measured=query.get("sizes") == "all"
    )
    note = next((tag.value for tag in row.tags if tag.key == NOTE_TAG), "")
    context = experiment_head(request, workspace, experiment, row)
    context |= {
        "note": render_markdown(note) if note.strip() else "",
        "note_source": note,
        "facts": facts,
        "changed": time_element(row.updated_at),
        "states": _states(workspace, experiment, asked),
        "measured_link": link_with(query, sizes="all"),
        "boards": shown_boards(workspace, experiment.pk, best, directions),
        "unknown": [name for name in chosen if name not in keys],
        "is_chosen": bool(chosen),
        "directions": _directions_said(directions),
        "metric": chosen[0] if chosen else "",
        "metric_choices": keys[:CHOICES],
        "list_query": query_with(query, format=None),
    }
    return render(request, "experiment_overview/experiment_overview.html", context)


def _directions_said(directions: Directions) -> list[DirectionSaid]:
    return [
        DirectionSaid(metric, direction.value, link_with(QueryDict(), metric=metric))
        for metric, direction in sorted(directions.stored.items())
    ]


def _states(workspace: Workspace, experiment: Experiment, asked: Asked) -> list[StateCount]:
    table = reverse("web:experiment_detail", args=[workspace.name, experiment.pk])
    groups = group_runs(runs=asked.matching(), experiment_ids=[experiment.pk], keys=[GroupKey(None, "status")])
    return [
        StateCount(
            status=status_shown(RunStatus(status)),
            run_count=format_count(group.run_count),
            link=table + link_with(QueryDict(), filter=f"attributes.status = '{status}'"),
        )
        for group in groups
        for status in group.values
        if status
    ]
