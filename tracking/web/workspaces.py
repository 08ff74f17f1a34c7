"""The page of a workspace: where training scripts send their runs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tracking.core.clock import utc_now
from tracking.identity.services import issue_tracking_token
from tracking.identity.types import TRACKING_TOKEN_LIFE
from tracking.runs.queries import count_experiments, list_running
from tracking.web.base import credential_of, workspace_page
from tracking.web.demo import holds_demo
from tracking.web.formats import format_count
from tracking.web.fragments import render_page
from tracking.web.limits import limits_shown
from tracking.web.running import MAX_RUNNING, running_list
from tracking.web.snippets import tracking_uri, training_snippets
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(need=Permission.READ)
def workspace_detail(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Show the tracking URI and what runs now. POST makes a token for the reader and shows it, this once.

    The address is also the tracking URI, so mlflow's printed links (``#/experiments/…``) arrive here;
    static/js/workspace_detail.js leads them on, because a server never sees what stands behind the ``#``.
    """
    if request.method != "POST" and not request.path.endswith("/"):
        return redirect("web:workspace_detail", workspace.name)
    running = running_list(list_running(workspaces=[workspace], limit=MAX_RUNNING))
    if request.headers.get("HX-Target") == "running":
        return render_page(request, "components/running_list.html", {"workspace": workspace, **running})
    token = _new_token(request, workspace) if request.method == "POST" else ""
    username = credential_of(request).user.get_username()
    uri = tracking_uri(workspace=workspace.name, username=username, token=token)
    context = {
        "workspace": workspace,
        "uri": uri,
        "has_token": bool(token),
        "snippets": training_snippets(uri=uri),
        "life_minutes": int(TRACKING_TOKEN_LIFE.total_seconds() // 60),
        "holds_demo": holds_demo(request, workspace),
        "experiment_count": format_count(count_experiments(workspace=workspace)),
        "warnings": [limit for limit in limits_shown(workspace) if limit.is_warning],
        **running,
    }
    return render_page(request, "workspaces/workspace_detail.html", context)


def _new_token(request: HttpRequest, workspace: Workspace) -> str:
    user = credential_of(request).user
    return issue_tracking_token(user=user, workspace_id=workspace.pk, name="portal", now=utc_now()).text
