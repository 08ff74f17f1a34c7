"""The one door: load a workspace and prove that the asker may be there."""

from tracking.core.errors import ConflictError, NotFoundError, PermissionDeniedError
from tracking.core.memory import Memory
from tracking.identity.queries import Credential
from tracking.workspaces.models import ResourceGroup, RoleAssignment, Workspace
from tracking.workspaces.roles import PERMISSION_BY_ROLE, PERMISSION_BY_SCOPE
from tracking.workspaces.types import NAME_PATTERN, Permission, Role

_granted: Memory[tuple[int, int | None, str], tuple[Workspace, Permission]] = Memory(size=10_000, life_s=1)


def require(*, credential: Credential, workspace: str, need: Permission) -> Workspace:
    """Return the workspace of this name. Two queries; none if the same was asked within the last second.

    :raises NotFoundError: if it does not exist or the asker may not read it; both look the same.
    :raises PermissionDeniedError: if the asker may read it and may not do ``need``.
    :raises ConflictError: for WRITE if it is being deleted. Owners may still manage it: a lock stops the deletion.
    """
    asked = (credential.user.pk, credential.workspace_id, workspace)
    known = _granted.recall(asked, lambda: _find(credential, workspace))
    if known is None:
        raise NotFoundError(f"Workspace {workspace!r} not found.")
    found, granted = known
    if PERMISSION_BY_SCOPE[credential.scope] < need:
        raise PermissionDeniedError(
            f"The token has the scope {credential.scope.value}, which does not permit {need.name.lower()}."
        )
    if granted < need:
        raise PermissionDeniedError(f"Your role in workspace {workspace!r} does not permit {need.name.lower()}.")
    if need is Permission.WRITE and found.deletion_uid:
        raise ConflictError(
            f"Workspace {workspace!r} is being deleted (deletion {found.deletion_uid}); it takes no changes any more."
        )
    return found


def require_group(*, credential: Credential, group: str, need: Permission) -> ResourceGroup:
    """Return the resource group of this name. Two queries.

    :raises NotFoundError: if it does not exist or the asker has no role in it; both look the same.
    :raises PermissionDeniedError: if the asker may read it and may not do ``need``.
    """
    found = ResourceGroup.objects.filter(name=group).first() if NAME_PATTERN.fullmatch(group) else None
    granted = None if found is None or credential.workspace_id is not None else _permission_in_group(credential, found)
    if found is None or granted is None:
        raise NotFoundError(f"Resource group {group!r} not found.")
    if granted < need:
        raise PermissionDeniedError(f"Your role in resource group {group!r} does not permit {need.name.lower()}.")
    return found


def forget() -> None:
    """Take a change of roles into account at once in this process; others do within a second."""
    _granted.forget()


def _find(credential: Credential, name: str) -> tuple[Workspace, Permission] | None:
    is_name = NAME_PATTERN.fullmatch(name) is not None
    found = Workspace.objects.select_related("group").filter(name=name).first() if is_name else None
    granted = None if found is None else _permission(credential, found)
    return None if found is None or granted is None else (found, granted)


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


def _permission_in_group(credential: Credential, group: ResourceGroup) -> Permission | None:
    roles = RoleAssignment.objects.filter(user=credential.user, workspace=None)
    permitted = (
        PERMISSION_BY_ROLE[Role(role)]
        for role, group_id in roles.values_list("role", "group_id")
        if group_id in (None, group.pk)
    )
    return max(permitted, default=None)
