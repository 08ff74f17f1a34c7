"""Changes of saved views."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from tracking.audit.services import record
from tracking.core.errors import InvalidParameterError, PermissionDeniedError
from tracking.saved_views.models import SavedView
from tracking.saved_views.types import MAX_NAME, MAX_QUERY

if TYPE_CHECKING:
    from tracking.identity.models import User
    from tracking.runs.models import Experiment


@transaction.atomic
def save_view(
    *, experiment: "Experiment", name: str, query: str, is_shared: bool, is_default: bool, by: "User", now: datetime
) -> SavedView:
    """Keep a query under a name; an own view of this name is replaced. A default is shared, and the only one.

    :raises InvalidParameterError: if the name is empty, or one of them is too long.
    """
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME:
        raise InvalidParameterError(f"name: a view's name has 1 to {MAX_NAME} characters, got {len(name)}")
    if len(query) > MAX_QUERY:
        raise InvalidParameterError(f"query: at most {MAX_QUERY} characters are kept, got {len(query)}")
    if is_default:
        SavedView.objects.filter(experiment=experiment, is_default=True).update(is_default=False)
    view, _ = SavedView.objects.update_or_create(
        experiment=experiment,
        owner=by,
        name=name,
        defaults={
            "workspace_id": experiment.workspace_id,
            "query": query,
            "is_shared": is_shared or is_default,
            "is_default": is_default,
            "created_at": now,
        },
    )
    record(by=by, verb="view.save", target=f"{experiment.pk}/{name}", at=now)
    return view


@transaction.atomic
def delete_view(*, view: SavedView, may_manage: bool, by: "User", now: datetime) -> None:
    """Delete a view of one's own; whoever manages the workspace, any shared one.

    :raises PermissionDeniedError: if it is somebody else's.
    """
    if view.owner_id != by.pk and not may_manage:
        raise PermissionDeniedError(f"The view {view.name!r} is not yours.")
    record(by=by, verb="view.delete", target=f"{view.experiment_id}/{view.name}", at=now)
    view.delete()
