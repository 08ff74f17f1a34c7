"""Everything there is, by a part of its name: pages, workspaces, experiments, runs, models, groups. Ctrl+K opens it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from tracking.registry.queries import find_registered
from tracking.runs.finding import Finding, find_experiments, find_runs_by_text
from tracking.web.base import credential_of
from tracking.web.formats import spell_marks, unnamed
from tracking.web.fragments import render_page
from tracking.workspaces.queries import list_group_rows, list_workspaces

if TYPE_CHECKING:
    from tracking.identity.queries import Credential
    from tracking.workspaces.models import Workspace

MOST_A_KIND = 8
MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found, and where it leads."""

    name: str
    where: str
    url: str
    icon: str


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found of one kind."""

    title: str
    hits: tuple[Hit, ...]


@require_safe
@login_required
def search(request: HttpRequest) -> HttpResponse:
    """Show what has ``?q=`` in its name; htmx asks for the results alone. Runs are found by their id too.

    ``at`` names the workspace that the reader is in: its pages are offered.
    """
    text = request.GET.get("q", "").strip()[:MAX_TEXT]
    workspaces = list_workspaces(credential=credential_of(request))
    at = next((one for one in workspaces if one.name == request.GET.get("at", "")), None)
    found = [
        Hits(gettext("Pages"), tuple(_pages(text, at))),
        Hits(gettext("Workspaces"), tuple(_workspaces(text, workspaces))),
    ]
    if text:
        models = find_registered(workspaces=workspaces, text=text, limit=MOST_A_KIND)
        experiments = find_experiments(workspaces=workspaces, text=text, limit=MOST_A_KIND)
        runs = find_runs_by_text(workspaces=workspaces, text=text, limit=MOST_A_KIND)
        found += [
            Hits(gettext("Experiments"), tuple(_experiment_hit(one) for one in experiments)),
            Hits(gettext("Runs"), tuple(_run_hit(one) for one in runs)),
            Hits(gettext("Models"), tuple(_model_hit(*one) for one in models)),
            Hits(gettext("Resource groups"), tuple(_groups(text, credential_of(request)))),
        ]
    context = {"q": text, "groups": [group for group in found if group.hits]}
    return render_page(request, "search/search.html", context, fragments={"palette-hits": "search/_hits.html"})


def _pages(text: str, at: Workspace | None) -> Iterator[Hit]:
    pages = [
        (gettext("Home"), reverse("web:home"), "home"),
        (gettext("Resource groups"), reverse("web:group_list"), "group"),
        (gettext("Work"), reverse("web:work"), "chart"),
        (gettext("Account"), reverse("web:account"), "user"),
        (gettext("Tokens"), reverse("web:token_list"), "key"),
        (gettext("REST API"), reverse("web:docs"), "table-file"),
    ]
    if at is not None:
        of_workspace = [
            (gettext("Experiments"), "web:experiment_list", "flask"),
            (gettext("Models"), "web:model_list", "model"),
            (gettext("Log a run"), "web:workspace_detail", "key"),
            (gettext("Access"), "web:workspace_access", "user"),
            (gettext("Datastores"), "web:datastore_list", "folder"),
            (gettext("Settings"), "web:workspace_settings", "settings"),
            (gettext("Trash"), "web:trash", "trash"),
        ]
        pages[:0] = [(label, reverse(page, args=[at.name]), icon) for label, page, icon in of_workspace]
    for label, url, icon in pages:
        if text.lower() in label.lower():
            yield Hit(label, "", url, icon)


def _workspaces(text: str, workspaces: Sequence[Workspace]) -> Iterator[Hit]:
    fitting = [one for one in workspaces if text.lower() in one.name.lower()]
    for one in fitting[:MOST_A_KIND]:
        yield Hit(one.name, one.group.name, reverse("web:experiment_list", args=[one.name]), "folder")


def _groups(text: str, credential: Credential) -> Iterator[Hit]:
    fitting = [one for one in list_group_rows(credential=credential) if text.lower() in one.name.lower()]
    for one in fitting[:MOST_A_KIND]:
        yield Hit(one.name, "", reverse("web:group_detail", args=[one.name]), "group")


def _model_hit(workspace: str, name: str) -> Hit:
    return Hit(spell_marks(name), workspace, reverse("web:model_detail", args=[workspace, name]), "model")


def _experiment_hit(found: Finding) -> Hit:
    url = reverse("web:experiment_detail", args=[found.workspace, found.experiment_id])
    return Hit(spell_marks(found.name), found.workspace, url, "flask")


def _run_hit(found: Finding) -> Hit:
    url = reverse("web:run_detail", args=[found.workspace, found.uid])
    return Hit(unnamed(found.name), f"{found.workspace} / {spell_marks(found.experiment)}", url, "chart")
