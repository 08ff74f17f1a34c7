"""The first page: workspaces, what runs now, the reader's own runs and what they starred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from tracking.runs.queries import count_experiments_by_workspace, list_running, list_runs_of
from tracking.runs.types import RunStatus
from tracking.stars.queries import list_starred
from tracking.web.base import credential_of
from tracking.web.formats import (
    StatusShown,
    format_count,
    format_number,
    spell_marks,
    status_shown,
    time_element,
    unnamed,
)
from tracking.web.fragments import render_page
from tracking.web.list_files import Cell, list_file
from tracking.web.running import MAX_RUNNING, main_series, running_list
from tracking.web.snippets import tracking_uri, training_snippets
from tracking.web.stars import starred_shown
from tracking.workspaces.queries import list_workspaces

if TYPE_CHECKING:
    from tracking.identity.models import User
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

MAX_MINE = 8
MAX_STARRED = 50
FILE_HEAD = ("name", "group", "description", "created_at")


@dataclass(frozen=True, slots=True)
class WorkspaceShown:
    """A line of the list of workspaces."""

    name: str
    group: str
    description: str
    experiment_count: str
    running_count: int


@dataclass(frozen=True, slots=True)
class RunShown:
    """A line of the reader's own runs; ``last``: of the metric that says how good it is, "" where none does."""

    uid: str
    name: str
    workspace: str
    experiment_id: int
    experiment: str
    status: StatusShown
    started: SafeString
    metric: str
    last: str


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponseBase:
    """Show the workspaces the reader may see, what runs in them, the reader's own last runs, and what they starred.

    htmx asks anew for what runs and for the own runs, and for the menu.

    As a file: the workspaces.
    """
    workspaces, reader = list_workspaces(credential=credential_of(request)), credential_of(request).user
    if request.headers.get("HX-Target") == "workspace-menu":
        return render_page(request, "home/_workspace_menu.html", {"workspaces": workspaces})
    if file := list_file(request, name="workspaces", head=FILE_HEAD, rows=map(_file_row, workspaces)):
        return file
    if request.headers.get("HX-Target") == "my-runs":
        return render_page(request, "home/_my_runs.html", {"my_runs": _my_runs(reader, workspaces)})
    running = list_running(workspaces=workspaces, limit=MAX_RUNNING)
    if request.headers.get("HX-Target") == "running":
        return render_page(request, "components/running_list.html", running_list(running))
    starred = list_starred(owner=reader, workspaces=workspaces, limit=MAX_STARRED)
    experiments = count_experiments_by_workspace(workspaces=workspaces)
    context = {
        "workspaces": [_workspace_shown(one, experiments.get(one.pk, 0), running) for one in workspaces],
        **running_list(running),
        "my_runs": _my_runs(reader, workspaces),
        "starred": [starred_shown(row) for row in starred],
        "snippets": training_snippets(uri=tracking_uri(workspace=workspaces[0].name)) if workspaces else (),
    }
    return render_page(request, "home/home.html", context)


def _file_row(workspace: Workspace) -> tuple[Cell, ...]:
    return workspace.name, workspace.group.name, workspace.description, workspace.created_at


def _my_runs(reader: User, workspaces: list[Workspace]) -> list[RunShown]:
    """Return the lines of the reader's own last runs. Four queries."""
    runs = list_runs_of(username=reader.get_username(), workspaces=workspaces, limit=MAX_MINE)
    series = main_series(runs)
    return [
        RunShown(
            uid=run.uid,
            name=unnamed(run.name),
            workspace=run.workspace.name,
            experiment_id=run.experiment_id,
            experiment=spell_marks(run.experiment.name),
            status=status_shown(RunStatus(run.status)),
            started=time_element(run.started_at, is_relative=True),
            metric=series[run.pk].key if run.pk in series else "",
            last=format_number(series[run.pk].latest_value) if run.pk in series else "",
        )
        for run in runs
    ]


def _workspace_shown(workspace: Workspace, experiment_count: int, running: list[Run]) -> WorkspaceShown:
    return WorkspaceShown(
        name=workspace.name,
        group=workspace.group.name,
        description=workspace.description,
        experiment_count=format_count(experiment_count),
        running_count=sum(run.workspace_id == workspace.pk for run in running),
    )
