"""What the demo made in a workspace, and the button that takes it away again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tracking.cleanup.demo import list_demo_experiments, list_demo_parts, remove_demo
from tracking.cleanup.queries import list_deletions
from tracking.cleanup.types import OPEN_STATES
from tracking.core.clock import utc_now
from tracking.core.errors import ConflictError
from tracking.web.base import credential_of, may, workspace_page
from tracking.web.deletions import deletion_shown
from tracking.web.formats import format_count, spell_marks
from tracking.web.fragments import render_page
from tracking.workspaces import access
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

MAX_OPEN = 100


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(need=Permission.READ)
def demo(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Show what of the demo would go, and the deletions under way in the workspace, live. POST removes the demo."""
    credential = credential_of(request)
    if request.method == "POST":
        access.require(credential=credential, workspace=workspace.name, need=Permission.WRITE)
        _remove(request, workspace)
        return redirect("web:demo", workspace.name)
    under_way = list_deletions(credential=credential, states=OPEN_STATES, workspace=workspace, limit=MAX_OPEN)
    parts = list_demo_parts(workspace=workspace)
    context = {
        "workspace": workspace,
        "parts": [
            (part.experiment_id, spell_marks(part.name), format_count(part.run_count), part.is_kept) for part in parts
        ],
        "has_kept": any(part.is_kept for part in parts),
        "under_way": [deletion_shown(row, may_steer=False) for row in under_way.rows],
        "may_write": may(request, workspace, Permission.WRITE),
        "may_manage": may(request, workspace, Permission.MANAGE),
    }
    return render_page(request, "demo/demo.html", context, fragments={"under-way": "work/_under_way.html"})


def holds_demo(request: HttpRequest, workspace: Workspace) -> bool:
    """Tell whether a workspace holds something of the demo that the reader may remove. Two queries for who may."""
    return may(request, workspace, Permission.WRITE) and bool(list_demo_experiments(workspace=workspace))


def _remove(request: HttpRequest, workspace: Workspace) -> None:
    try:
        asked = list(remove_demo(credential=credential_of(request), workspace=workspace, now=utc_now()))
    except ConflictError as error:
        messages.error(request, str(error))
        return
    if asked:
        names = ", ".join(spell_marks(part.name) for part, _ in asked)
        messages.success(request, gettext("The demo's experiments are being removed: %(names)s.") % {"names": names})
