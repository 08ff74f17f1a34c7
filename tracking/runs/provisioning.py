"""What a workspace needs of this room when it is made, and what must not be there when it goes."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from tracking.core.errors import InvalidStateError
from tracking.identity.models import User
from tracking.runs.models import Experiment
from tracking.runs.removal import purge_experiment
from tracking.runs.services import create_default_experiment
from tracking.workspaces import services
from tracking.workspaces.models import ResourceGroup, Workspace


@transaction.atomic
def provision_workspace(
    *,
    name: str,
    group: ResourceGroup,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    by: User | None,
    now: datetime,
) -> Workspace:
    """Create a workspace that is ready to log to: with its Default experiment.

    :raises AlreadyExistsError, QuotaExceededError: as workspaces.services.create_workspace.
    """
    workspace = services.create_workspace(name=name, group=group, description=description, tags=tags, by=by, now=now)
    create_default_experiment(workspace=workspace, by=by, now=now)
    return workspace


@transaction.atomic
def remove_unused_workspace(*, workspace: Workspace, by: User, now: datetime) -> None:
    """Remove a workspace that has nothing but an empty Default experiment, for good.

    :raises InvalidStateError: if it has more.
    :raises PermissionDeniedError: if a lock forbids it.
    """
    experiments = list(Experiment.objects.filter(workspace=workspace)[:2])
    if any(not experiment.is_default for experiment in experiments):
        raise InvalidStateError(
            f"Workspace {workspace.name!r} is not empty: it has experiments. Delete them for good first, or delete the "
            "workspace with all that is in it (POST /api/v1/deletions)."
        )
    for experiment in experiments:
        purge_experiment(pk=experiment.pk)
    services.delete_empty_workspace(workspace=workspace, by=by, now=now)
