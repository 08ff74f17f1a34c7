"""The first page: workspaces, and what runs now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from tracking.runs.queries import count_experiments_by_workspace, list_running
from tracking.web.base import credential_of
from tracking.web.formats import format_count
from tracking.web.fragments import render_page
from tracking.web.list_files import Cell, list_file
from tracking.web.running import MAX_RUNNING, running_list
from tracking.web.snippets import tracking_uri, training_snippets
from tracking.workspaces.queries import list_workspaces

if TYPE_CHECKING:
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

FILE_HEAD = ("name", "group", "description", "created_at")


@dataclass(frozen=True, slots=True)
class WorkspaceShown:
    """A line of the list of workspaces."""

    name: str
    group: str
    description: str
    experiment_count: str
    running_count: int


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
    if request.headers.get("HX-Target") == "running":
        return render_page(request, "components/running_list.html", running_list(running))
    experiments = count_experiments_by_workspace(workspaces=workspaces)
    context = {
        "workspaces": [_workspace_shown(one, experiments.get(one.pk, 0), running) for one in workspaces],
        **running_list(running),
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
