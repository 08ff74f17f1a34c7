"""Saving a view of an experiment's page, and deleting it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from tracking.core.clock import utc_now
from tracking.runs.queries import get_experiment
from tracking.saved_views import services
from tracking.saved_views.queries import get_view
from tracking.web.base import credential_of, may, workspace_page
from tracking.web.errors import refusing_bad_values
from tracking.web.links import path_or
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace


@require_POST
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def save_view(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponse:
    """Keep ``query`` under ``name`` and show it. ``share`` is workspace or default; whoever may write may share."""
    experiment = get_experiment(workspace=workspace, experiment_id=str(experiment_id))
    share = request.POST.get("share", "")
    is_writer = may(request, workspace, Permission.WRITE)
    view = services.save_view(
        experiment=experiment,
        name=request.POST.get("name", ""),
        query=request.POST.get("query", ""),
        is_shared=is_writer and share == "workspace",
        is_default=is_writer and share == "default",
        by=credential_of(request).user,
        now=utc_now(),
    )
    messages.success(request, gettext("The view “%(name)s” is saved.") % {"name": view.name})
    address = reverse("web:experiment_detail", args=[workspace.name, experiment.pk])
    return redirect(f"{address}?{view.query}&view={view.pk}")


@require_POST
@workspace_page(need=Permission.READ)
def delete_view(request: HttpRequest, workspace: Workspace, view_id: int) -> HttpResponse:
    """Delete a saved view and go back to ``next``."""
    reader = credential_of(request).user
    view = get_view(workspace=workspace, pk=view_id, reader=reader)
    back = path_or(request.POST.get("next", ""), "web:experiment_detail", workspace.name, view.experiment_id)
    may_manage = may(request, workspace, Permission.MANAGE)
    services.delete_view(view=view, may_manage=may_manage, by=reader, now=utc_now())
    messages.success(request, gettext("The view is deleted."))
    return redirect(back)
