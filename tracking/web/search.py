"""Everything there is, by a part of its name, and what one can do here. Ctrl+K opens it as the palette."""

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
from tracking.saved_views.queries import find_views
from tracking.saved_views.types import ViewFound
from tracking.web.base import credential_of, may
from tracking.web.formats import spell_marks, unnamed
from tracking.web.fragments import render_page
from tracking.web.palette import Hit, actions, pages
from tracking.workspaces.access import owns_server
from tracking.workspaces.queries import list_group_rows, list_workspaces
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.identity.queries import Credential
    from tracking.workspaces.models import Workspace

MOST_A_KIND = 8
MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found of one kind."""

    title: str
    hits: tuple[Hit, ...]


@require_safe
@login_required
def search(request: HttpRequest) -> HttpResponse:
    """Show what has ``?q=`` in its name, and what one can do; htmx asks for the results alone. Runs have their id too.

    ``at`` names the workspace that the reader is in: its pages are offered, and to owners what they do there.
    """
    text, credential = request.GET.get("q", "").strip()[:MAX_TEXT], credential_of(request)
    workspaces = list_workspaces(credential=credential)
    at = next((one for one in workspaces if one.name == request.GET.get("at", "")), None)
    managed = at if at is not None and may(request, at, Permission.MANAGE) else None
    is_owner = owns_server(user=credential.user)
    found = [
        Hits(gettext("Pages"), tuple(pages(text, at, owns_server=is_owner))),
        Hits(gettext("Workspaces"), tuple(_workspaces(text, workspaces))),
    ]
    if text:
        models = find_registered(workspaces=workspaces, text=text, limit=MOST_A_KIND)
        experiments = find_experiments(workspaces=workspaces, text=text, limit=MOST_A_KIND)
        runs = find_runs_by_text(workspaces=workspaces, text=text, limit=MOST_A_KIND)
        views = find_views(workspaces=workspaces, reader=credential.user, text=text, limit=MOST_A_KIND)
        found += [
            Hits(gettext("Experiments"), tuple(_experiment_hit(one) for one in experiments)),
            Hits(gettext("Runs"), tuple(_run_hit(one) for one in runs)),
            Hits(gettext("Models"), tuple(_model_hit(*one) for one in models)),
            Hits(gettext("Saved views"), tuple(_view_hit(one) for one in views)),
            Hits(gettext("Resource groups"), tuple(_groups(text, credential))),
        ]
    found.append(Hits(gettext("Actions"), tuple(actions(text, managed, owns_server=is_owner))))
    context = {"q": text, "groups": [group for group in found if group.hits]}
    return render_page(request, "search/search.html", context, fragments={"palette-hits": "search/_hits.html"})


def _workspaces(text: str, workspaces: Sequence[Workspace]) -> Iterator[Hit]:
    fitting = [one for one in workspaces if text.lower() in one.name.lower()]
    for one in fitting[:MOST_A_KIND]:
        yield Hit(one.name, one.group.name, reverse("web:experiment_list", args=[one.name]), "folder")


def _groups(text: str, credential: Credential) -> Iterator[Hit]:
    fitting = [one for one in list_group_rows(credential=credential) if text.lower() in one.name.lower()]
    for one in fitting[:MOST_A_KIND]:
        yield Hit(one.name, "", reverse("web:group_detail", args=[one.name]), "group")


def _view_hit(found: ViewFound) -> Hit:
    url = reverse("web:experiment_detail", args=[found.workspace, found.experiment_id])
    where = f"{found.workspace} / {spell_marks(found.experiment)}"
    return Hit(spell_marks(found.name), where, f"{url}?{found.query}&view={found.pk}", "view")


def _model_hit(workspace: str, name: str) -> Hit:
    return Hit(spell_marks(name), workspace, reverse("web:model_detail", args=[workspace, name]), "model")


def _experiment_hit(found: Finding) -> Hit:
    url = reverse("web:experiment_detail", args=[found.workspace, found.experiment_id])
    return Hit(spell_marks(found.name), found.workspace, url, "flask")


def _run_hit(found: Finding) -> Hit:
    url = reverse("web:run_detail", args=[found.workspace, found.uid])
    return Hit(unnamed(found.name), f"{found.workspace} / {spell_marks(found.experiment)}", url, "chart")
