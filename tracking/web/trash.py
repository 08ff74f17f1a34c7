"""The trash of a workspace: experiments and runs that can be restored, and how long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tracking.cleanup.settings import keeping
from tracking.core.clock import utc_now
from tracking.core.errors import ConflictError, NotFoundError
from tracking.runs.queries import get_experiment, get_run
from tracking.runs.removal import list_trash
from tracking.runs.services import restore_experiment, restore_run
from tracking.web.base import credential_of, may, workspace_page
from tracking.web.formats import spell_marks, time_element, unnamed
from tracking.web.list_files import Cell, list_file
from tracking.workspaces import access
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.runs.models import Experiment, Run
    from tracking.workspaces.models import Workspace

MAX_SHOWN = 200
FILE_HEAD = ("kind", "id", "name", "deleted_at", "deletion")


@dataclass(frozen=True, slots=True)
class TrashShown:
    """A line of the trash. ``deletion_uid``: it is being removed for good."""

    kind: str
    ident: str
    name: str
    deleted: SafeString
    ends: SafeString | str
    deletion_uid: str


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(need=Permission.READ)
def trash(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Show deleted experiments and runs, newest first, also as a file. POST restores one: ``experiment`` or ``run``."""
    may_write = may(request, workspace, Permission.WRITE)
    if request.method == "POST":
        return _restore(request, workspace)
    kept = keeping().runs
    experiments, runs = list_trash(workspace=workspace, limit=MAX_SHOWN)
    if file := list_file(request, name="trash", head=FILE_HEAD, rows=_file_rows(experiments, runs)):
        return file
    context = {
        "workspace": workspace,
        "experiments": [
            TrashShown(
                "experiment", str(one.pk), spell_marks(one.name), *_times(one.deleted_at, kept), one.deletion_uid
            )
            for one in experiments
        ],
        "runs": [
            TrashShown("run", one.uid, unnamed(one.name), *_times(one.deleted_at, kept), one.deletion_uid)
            for one in runs
        ],
        "days": kept.days if kept else None,
        "most": MAX_SHOWN,
        "may_write": may_write,
    }
    return render(request, "trash/trash.html", context)


def _file_rows(experiments: Sequence[Experiment], runs: Sequence[Run]) -> Iterator[tuple[Cell, ...]]:
    for experiment in experiments:
        yield "experiment", str(experiment.pk), experiment.name, experiment.deleted_at, experiment.deletion_uid
    for run in runs:
        yield "run", run.uid, run.name, run.deleted_at, run.deletion_uid


def _times(deleted_at: datetime | None, kept: timedelta | None) -> tuple[SafeString, SafeString | str]:
    ends = time_element(deleted_at + kept) if deleted_at and kept else gettext("never")
    return time_element(deleted_at, is_relative=True), ends


def _restore(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    by, now = credential_of(request).user, utc_now()
    access.require(credential=credential_of(request), workspace=workspace.name, need=Permission.WRITE)
    try:
        if experiment_id := request.POST.get("experiment", ""):
            experiment = get_experiment(workspace=workspace, experiment_id=experiment_id)
            restore_experiment(experiment=experiment, by=by, now=now)
            name = spell_marks(experiment.name)
        elif uid := request.POST.get("run", ""):
            run = get_run(workspace=workspace, uid=uid)
            restore_run(run=run, by=by, now=now)
            name = unnamed(run.name)
        else:
            raise BadRequest("Give experiment or run.")
    except (ConflictError, NotFoundError) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("%(name)s is restored.") % {"name": name})
    return redirect("web:trash", workspace.name)
