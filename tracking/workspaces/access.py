"""The one door: load a workspace and prove that the asker may be there."""

from tracking.core.errors import NotFoundError, PermissionDeniedError
from tracking.identity.queries import Credential
from tracking.workspaces.models import RoleAssignment, Workspace
from tracking.workspaces.roles import PERMISSION_BY_ROLE
from tracking.workspaces.types import NAME_PATTERN, Permission, Role


def require(*, credential: Credential, workspace: str, need: Permission) -> Workspace:
    """Return the workspace of this name. Two queries.

    :raises NotFoundError: if it does not exist or the asker may not read it; both look the same.
    :raises PermissionDeniedError: if the asker may read it and may not do ``need``.
    """
    is_name = NAME_PATTERN.fullmatch(workspace) is not None
    found = Workspace.objects.select_related("group").filter(name=workspace).first() if is_name else None
    granted = None if found is None else _permission(credential, found)
    if found is None or granted is None:
        raise NotFoundError(f"Workspace {workspace!r} not found.")
    if granted < need:
        raise PermissionDeniedError(f"Your role in workspace {workspace!r} does not permit {need.name.lower()}.")
    return found


def _permission(credential: Credential, workspace: Workspace) -> Permission | None:
    if credential.workspace_id not in (None, workspace.pk):
        return None
    roles = RoleAssignment.objects.filter(user=credential.user).values_list("role", "group_id", "workspace_id")
    return max(
        (
            PERMISSION_BY_ROLE[Role(role)]
            for role, group_id, workspace_id in roles
            if group_id in (None, workspace.group_id) and workspace_id in (None, workspace.pk)
        ),
        default=None,
    )
