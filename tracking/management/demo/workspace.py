"""The workspace that belongs to the demo."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from tracking.core.errors import InvalidStateError, NotFoundError
from tracking.identity.queries import Credential
from tracking.runs.services import create_default_experiment
from tracking.workspaces import access
from tracking.workspaces.queries import list_workspaces
from tracking.workspaces.services import create_group, create_workspace
from tracking.workspaces.types import DEFAULT_NAME, Permission

if TYPE_CHECKING:
    from tracking.identity.models import User
    from tracking.workspaces.models import Workspace

MARK = "Made-up experiments to look around in; manage.py demo {name} --remove takes them away again."


def get_demo_workspace(*, name: str, by: "User") -> "Workspace":
    """Return the workspace, which must be the demo's.

    :raises NotFoundError: if there is none of this name.
    :raises InvalidStateError: if somebody else made it.
    """
    found = access.require(credential=Credential(user=by, workspace_id=None), workspace=name, need=Permission.MANAGE)
    if found.description != MARK.format(name=name):
        raise InvalidStateError(f"Workspace {name!r} was not made by demo, so demo leaves it alone. Give another name.")
    return found


@transaction.atomic
def ensure_demo_workspace(*, name: str, by: "User", now: datetime) -> "Workspace":
    """Return the demo's workspace; where there is none, make it in resource group ``default``, made too if missing.

    :raises InvalidStateError: if somebody else made a workspace of this name.
    """
    try:
        return get_demo_workspace(name=name, by=by)
    except NotFoundError:
        pass
    readable = list_workspaces(credential=Credential(user=by, workspace_id=None))
    group = next((one.group for one in readable if one.group.name == DEFAULT_NAME), None)
    group = group or create_group(name=DEFAULT_NAME, by=by, now=now)
    workspace = create_workspace(name=name, group=group, description=MARK.format(name=name), by=by, now=now)
    create_default_experiment(workspace=workspace, by=by, now=now)
    return workspace
