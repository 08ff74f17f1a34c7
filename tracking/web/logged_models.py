"""Models that runs logged: those of a workspace are a part of the list of models, those of an experiment a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_safe

from tracking.core.pages import Page
from tracking.registry.queries import list_logged, versions_by_model
from tracking.registry.types import LoggedModelRow, LoggedModelStatus
from tracking.runs.queries import experiment_row, find_runs, get_experiment
from tracking.web.base import workspace_page
from tracking.web.errors import refusing_bad_values
from tracking.web.experiment_head import experiment_head
from tracking.web.formats import spell_marks, time_element, unnamed
from tracking.web.fragments import render_page
from tracking.web.links import link_with, query_with
from tracking.web.list_files import ROWS_AT_ONCE, Cell, list_file, rows_of_all
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.runs.models import Experiment
    from tracking.workspaces.models import Workspace

MODELS_PER_PAGE = 50
FILE_HEAD = ("model_id", "name", "model_type", "status", "run_id", "experiment_id", "created_at")
MODEL_STATUS_WORDS = {
    LoggedModelStatus.PENDING: pgettext_lazy("state of a model", "Uploading"),
    LoggedModelStatus.READY: pgettext_lazy("state of a model", "Ready"),
    LoggedModelStatus.UPLOAD_FAILED: pgettext_lazy("state of a model", "Upload failed"),
}


@dataclass(frozen=True, slots=True)
class VersionLink:
    """A version that was registered of a logged model."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class LoggedShown:
    """A line of the list of logged models. ``run_uid`` "" where the run is gone, or there never was one."""

    uid: str
    name: str
    model_type: str
    status: str
    run_uid: str
    run_name: str
    versions: tuple[VersionLink, ...]
    created: SafeString


@require_safe
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def experiment_models(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponseBase:
    """List the models that an experiment's runs logged, by ``?q=`` in their names; also as a file."""
    experiment = get_experiment(workspace=workspace, experiment_id=str(experiment_id))
    if file := logged_file(request, workspace, experiment):
        return file
    context = experiment_head(request, workspace, experiment, experiment_row(experiment))
    context |= logged_context(request, workspace, experiment)
    context["list_query"] = query_with(request.GET, page=None, format=None)
    fragments = {"models": "logged_models/_models.html"}
    return render_page(request, "logged_models/experiment_models.html", context, fragments=fragments)


def models_link(workspace: Workspace, experiment_id: int, name: str) -> str:
    """Return the address of the list with an experiment's models of this name."""
    page = reverse("web:experiment_models", args=[workspace.name, experiment_id])
    return f"{page}{link_with(QueryDict(), q=name)}"


def logged_context(request: HttpRequest, workspace: Workspace, experiment: Experiment | None) -> dict[str, object]:
    """Return a page of the list, of one experiment or of all. Eight queries."""
    query = request.GET
    wanted, token = query.get("q", "").strip(), query.get("page", "")
    page = list_logged(
        workspace=workspace, experiment=experiment, name_contains=wanted, page_token=token, limit=MODELS_PER_PAGE
    )
    return {
        "q": wanted,
        "logged": _shown(workspace, page.rows),
        "next_link": link_with(query, page=page.next_token) if page.next_token else "",
        "first_link": link_with(query, page=None) if token else "",
    }


def logged_file(request: HttpRequest, workspace: Workspace, experiment: Experiment | None) -> HttpResponseBase | None:
    """Return the whole list in the form that the address asks for; None: it asks for the page."""
    wanted = request.GET.get("q", "").strip()

    def logged(token: str) -> Page[LoggedModelRow]:
        return list_logged(
            workspace=workspace, experiment=experiment, name_contains=wanted, page_token=token, limit=ROWS_AT_ONCE
        )

    return list_file(request, name="logged_models", head=FILE_HEAD, rows=map(_cells, rows_of_all(logged)))


def run_names(workspace: Workspace, uids: Sequence[str]) -> dict[str, str]:
    """Return the names of those of the runs that the workspace still has, by id. One query."""
    found = find_runs(workspace=workspace, uids=sorted({uid for uid in uids if uid}))
    return {run.uid: unnamed(run.name) for run in found}


def _cells(row: LoggedModelRow) -> Sequence[Cell]:
    kept = (row.source_run_uid, str(row.experiment_id), row.created_at)
    return row.uid, row.name, row.model_type, row.status, *kept


def _shown(workspace: Workspace, rows: Sequence[LoggedModelRow]) -> list[LoggedShown]:
    names = run_names(workspace, [row.source_run_uid for row in rows])
    versions = versions_by_model(workspace=workspace, uids=[row.uid for row in rows])
    return [
        LoggedShown(
            uid=row.uid,
            name=spell_marks(row.name),
            model_type=spell_marks(row.model_type),
            status=str(MODEL_STATUS_WORDS[row.status]),
            run_uid=row.source_run_uid if row.source_run_uid in names else "",
            run_name=names.get(row.source_run_uid, ""),
            versions=tuple(
                VersionLink(f"{spell_marks(name)} {number}", version_link(workspace, name, number))
                for name, number in versions.get(row.uid, ())
            ),
            created=time_element(row.created_at, is_relative=True),
        )
        for row in rows
    ]


def version_link(workspace: Workspace, name: str, number: int) -> str:
    """Return the address of a version's page."""
    return reverse("web:version_detail", args=[workspace.name, name, number])
