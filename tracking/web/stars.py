"""Stars: the button that gives one, and what a person starred on the first page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from tracking.core.clock import utc_now
from tracking.core.errors import InvalidParameterError
from tracking.registry.queries import get_registered
from tracking.runs.queries import get_experiment, get_run
from tracking.stars import queries, services
from tracking.stars.types import Kind, StarRow
from tracking.web.base import credential_of, workspace_page
from tracking.web.errors import refusing_bad_values
from tracking.web.formats import spell_marks, unnamed
from tracking.web.fragments import render_page
from tracking.web.links import path_or
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

ICONS = {Kind.EXPERIMENT: "flask", Kind.RUN: "chart", Kind.MODEL: "model"}


@dataclass(frozen=True, slots=True)
class StarButton:
    """What components/star.html shows. ``ident``: by what the kind is found in its workspace."""

    workspace: str
    kind: Kind
    ident: str
    name: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class StarredShown:
    """A line of what a person starred; ``where``: the workspace, and a run's experiment."""

    name: str
    where: str
    url: str
    icon: str
    star: StarButton


@require_POST
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def star(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Star what ``kind`` and ``id`` name, or take the star back without ``on``; htmx gets the button as it is then.

    Everybody else is led to ``next``.
    """
    kind, ident, by = _kind(request.POST.get("kind", "")), request.POST.get("id", ""), credential_of(request).user
    pk, name = _find(workspace, kind, ident)
    is_on = request.POST.get("on") == "1"
    if is_on:
        services.star(kind=kind, pk=pk, workspace=workspace, by=by, now=utc_now())
    else:
        services.unstar(kind=kind, pk=pk, by=by)
    back = path_or(request.POST.get("next", ""), "web:home")
    if request.headers.get("HX-Request") != "true":
        return redirect(back)
    context = {"star": StarButton(workspace.name, kind, ident, name, is_on), "back": back}
    return render_page(request, "components/star.html", context)


def star_button(
    request: HttpRequest, workspace: Workspace, kind: Kind, pk: int, *, ident: str, name: str
) -> StarButton:
    """Return the button of the one thing that a page is about. One query."""
    is_on = queries.has_star(owner=credential_of(request).user, kind=kind, pk=pk)
    return StarButton(workspace.name, kind, ident, name, is_on)


def starred_shown(row: StarRow) -> StarredShown:
    """Return a starred thing for the first page. No query."""
    if row.kind is Kind.RUN:
        ident, url = row.uid, reverse("web:run_detail", args=[row.workspace, row.uid])
        name, where = unnamed(row.name), f"{row.workspace} / {spell_marks(row.experiment)}"
    elif row.kind is Kind.EXPERIMENT:
        ident, url = str(row.experiment_id), reverse("web:experiment_detail", args=[row.workspace, row.experiment_id])
        name, where = spell_marks(row.name), row.workspace
    else:
        ident, url = row.name, reverse("web:model_detail", args=[row.workspace, row.name])
        name, where = spell_marks(row.name), row.workspace
    return StarredShown(name, where, url, ICONS[row.kind], StarButton(row.workspace, row.kind, ident, name, is_on=True))


def _kind(text: str) -> Kind:
    if text not in list(Kind):
        raise InvalidParameterError(f"kind: {text[:40]!r} is none of {', '.join(Kind)}")
    return Kind(text)


def _find(workspace: Workspace, kind: Kind, ident: str) -> tuple[int, str]:
    """Return the number of a thing and its name as pages show it. One query.

    :raises NotFoundError: if the workspace has none.
    """
    if kind is Kind.EXPERIMENT:
        experiment = get_experiment(workspace=workspace, experiment_id=ident)
        return experiment.pk, spell_marks(experiment.name)
    if kind is Kind.RUN:
        run = get_run(workspace=workspace, uid=ident)
        return run.pk, unnamed(run.name)
    model = get_registered(workspace=workspace, name=ident)
    return model.pk, spell_marks(model.name)
