"""Questions about saved views."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from tracking.core.errors import NotFoundError
from tracking.saved_views.models import SavedView
from tracking.saved_views.types import ViewFound, ViewRow

if TYPE_CHECKING:
    from tracking.identity.models import User
    from tracking.runs.models import Experiment
    from tracking.workspaces.models import Workspace

MAX_LISTED = 200


def list_views(*, experiment: "Experiment", reader: "User") -> list[ViewRow]:
    """Return the views of the workspace that a reader may see, those of this experiment first, by name. One query."""
    found = _visible(experiment.workspace_id, reader).select_related("owner").order_by("name", "pk")[:MAX_LISTED]
    rows = [
        ViewRow(
            pk=view.pk,
            name=view.name,
            query=view.query,
            owner=view.owner.username,
            is_mine=view.owner_id == reader.pk,
            is_shared=view.is_shared,
            is_default=view.is_default and view.experiment_id == experiment.pk,
            is_here=view.experiment_id == experiment.pk,
        )
        for view in found
    ]
    return sorted(rows, key=lambda row: not row.is_here)


def get_view(*, workspace: "Workspace", pk: int, reader: "User") -> SavedView:
    """Return a view that a reader may see. One query.

    :raises NotFoundError: if there is none.
    """
    found = _visible(workspace.pk, reader).filter(pk=pk).first()
    if found is None:
        raise NotFoundError(f"There is no saved view {pk}.")
    return found


def find_views(*, workspaces: "Iterable[Workspace]", reader: "User", text: str, limit: int) -> list[ViewFound]:
    """Return the views that a reader may see whose names contain a text (any case), the newest first. One query."""
    found = _mine_and_shared(reader).filter(
        workspace__in=list(workspaces), experiment__deleted_at=None, name__icontains=text
    )
    rows = found.order_by("-created_at", "-pk").values_list(
        "pk", "name", "query", "workspace__name", "experiment_id", "experiment__name"
    )
    return [ViewFound(*row) for row in rows[:limit]]


def default_query(*, experiment: "Experiment") -> str:
    """Return the query of the experiment's default view, "" for none. One query."""
    found = SavedView.objects.filter(experiment=experiment, is_default=True).values_list("query", "pk").first()
    return f"{found[0]}&view={found[1]}" if found else ""


def _visible(workspace_id: int, reader: "User") -> QuerySet[SavedView]:
    return _mine_and_shared(reader).filter(workspace=workspace_id)


def _mine_and_shared(reader: "User") -> QuerySet[SavedView]:
    return SavedView.objects.filter(Q(owner=reader) | Q(is_shared=True))
