"""The first page: workspaces, and what runs now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from tracking.runs.queries import count_experiments_by_workspace, list_running
from tracking.web.base import credential_of
from tracking.web.formats import format_count, spell_marks, time_element, unnamed
from tracking.web.fragments import render_page
from tracking.web.list_files import Cell, list_file
from tracking.web.snippets import tracking_uri, training_snippets
from tracking.workspaces.queries import list_workspaces

if TYPE_CHECKING:
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

FILE_HEAD = ("name", "group", "description", "created_at")
MAX_RUNNING = 200
MAX_RUNNING_SHOWN = 20


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
    """A line of what runs now."""

    uid: str
    name: str
    workspace: str
    experiment_id: int
    experiment: str
    user_name: str
    started: SafeString


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponseBase:
    """Show the workspaces the reader may see and what runs in them; htmx asks for the header's menu of workspaces.

    As a file: the workspaces.
    """
    workspaces = list_workspaces(credential=credential_of(request))
    if request.headers.get("HX-Target") == "workspace-menu":
        return render_page(request, "home/_workspace_menu.html", {"workspaces": workspaces})
    if file := list_file(request, name="workspaces", head=FILE_HEAD, rows=map(_file_row, workspaces)):
        return file
    running = list_running(workspaces=workspaces, limit=MAX_RUNNING)
    experiments = count_experiments_by_workspace(workspaces=workspaces)
    context = {
        "workspaces": [_workspace_shown(one, experiments.get(one.pk, 0), running) for one in workspaces],
        "running": [_running_shown(run) for run in running[:MAX_RUNNING_SHOWN]],
        "more_running": max(0, len(running) - MAX_RUNNING_SHOWN),
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


def _running_shown(run: Run) -> RunningShown:
    return RunningShown(
        uid=run.uid,
        name=unnamed(run.name),
        workspace=run.workspace.name,
        experiment_id=run.experiment_id,
        experiment=spell_marks(run.experiment.name),
        user_name=run.user_name,
        started=time_element(run.started_at, is_relative=True),
    )
