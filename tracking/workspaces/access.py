"""The one door: load a workspace or a resource group and prove that the asker may be there."""

from collections.abc import Iterable
from dataclasses import dataclass

from tracking.core.errors import ConflictError, NotFoundError, PermissionDeniedError
from tracking.core.memory import Memory
from tracking.identity.models import User
from tracking.identity.queries import Credential
from tracking.workspaces.models import FormerName, ResourceGroup, RoleAssignment, Workspace
from tracking.workspaces.queries import forget_quotas, list_locks
from tracking.workspaces.roles import PERMISSION_BY_ROLE, PERMISSION_BY_SCOPE
from tracking.workspaces.types import NAME_PATTERN, LockLevel, LockRow, Permission, Role


@dataclass(frozen=True, slots=True)
class _Granted:
    """A workspace, what the asker may do there, and the lock that keeps everybody from changing it."""

    workspace: Workspace
    permission: Permission
    read_only: LockRow | None


_granted: Memory[tuple[int, int | None, str], _Granted] = Memory(size=10_000, life_s=1)


def require(*, credential: Credential, workspace: str, need: Permission, despite_lock: bool = False) -> Workspace:
    """Return the workspace of this name, or that had it. Three queries; none if asked within the last second.

    :param despite_lock: whether a ReadOnly lock is no hindrance: to who changes locks and members.
    :raises NotFoundError: if it does not exist or the asker may not read it; both look the same.
    :raises PermissionDeniedError: if the asker may read it and may not do ``need``, or a ReadOnly lock forbids it.
    :raises ConflictError: for WRITE if it is being deleted. Owners may still manage it: a lock stops the deletion.
    """
    asked = (credential.user.pk, credential.workspace_id, workspace)
    known = _granted.recall(asked, lambda: _find(credential, workspace))
    if known is None:
        raise NotFoundError(f"Workspace {workspace!r} not found.")
    _check_scope(credential, need)
    if known.permission < need:
        raise _refusal(f"in workspace {workspace!r}", need)
    if need is Permission.WRITE and known.workspace.deletion_uid:
        raise ConflictError(
            f"Workspace {workspace!r} is being deleted (deletion {known.workspace.deletion_uid}); it takes no changes "
            "any more."
        )
    if need > Permission.READ and not despite_lock:
        _check_lock(known.read_only)
    return known.workspace


def require_group(*, credential: Credential, group: str, need: Permission, despite_lock: bool = False) -> ResourceGroup:
    """Return the resource group of this name. Three queries at most.

    :raises NotFoundError: if it does not exist, the asker has no role in it, or the credential is for one workspace.
    :raises PermissionDeniedError: as ``require``.
    """
    is_name = NAME_PATTERN.fullmatch(group) is not None and credential.workspace_id is None
    found = ResourceGroup.objects.filter(name=group).first() if is_name else None
    granted = None if found is None else _highest(_roles(credential), group_id=found.pk)
    if found is None or granted is None:
        raise NotFoundError(f"Resource group {group!r} not found.")
    _check_scope(credential, need)
    if granted < need:
        raise _refusal(f"in resource group {group!r}", need)
    if need > Permission.READ and not despite_lock:
        _check_lock(_read_only(list_locks(group=found)))
    return found


def require_server(*, credential: Credential, need: Permission) -> None:
    """Prove that the asker may do ``need`` to the server as a whole. One query.

    :raises PermissionDeniedError: if not, or if the credential is for one workspace.
    """
    _check_scope(credential, need)
    granted = _highest(_roles(credential)) if credential.workspace_id is None else None
    if granted is None or granted < need:
        raise _refusal("on this server", need)


def owns_server(*, user: User) -> bool:
    """Tell whether a person owns the server. One query."""
    return RoleAssignment.objects.filter(user=user, role=Role.OWNER, group=None, workspace=None).exists()


def require_person(*, credential: Credential, need: Permission) -> None:
    """Prove that the asker may do ``need`` to what is their own, as far as the credential goes. No query.

    :raises PermissionDeniedError: if the token's scope is too narrow, or it is for one workspace and more than reads.
    """
    _check_scope(credential, need)
    if need > Permission.READ and credential.workspace_id is not None:
        raise PermissionDeniedError("A tracking token is for logging; this takes an access token.")


def forget() -> None:
    """Take a change of roles, locks or names into account at once in this process; others do within a second."""
    _granted.forget()
    forget_quotas()


def _find(credential: Credential, name: str) -> _Granted | None:
    if NAME_PATTERN.fullmatch(name) is None:
        return None
    workspaces = Workspace.objects.select_related("group")
    found = workspaces.filter(name=name).first()
    if found is None:
        found = workspaces.filter(pk__in=FormerName.objects.filter(name=name).values("workspace")).first()
    if found is None or credential.workspace_id not in (None, found.pk):
        return None
    granted = _highest(_roles(credential), group_id=found.group_id, workspace_id=found.pk)
    return None if granted is None else _Granted(found, granted, _read_only(list_locks(workspace=found)))


def _roles(credential: Credential) -> list[tuple[str, int | None, int | None]]:
    return list(RoleAssignment.objects.filter(user=credential.user).values_list("role", "group_id", "workspace_id"))


def _highest(
    roles: Iterable[tuple[str, int | None, int | None]], *, group_id: int | None = None, workspace_id: int | None = None
) -> Permission | None:
    """Return what the roles permit in a workspace, in a group (no workspace), or on the server (neither)."""
    return max(
        (
            PERMISSION_BY_ROLE[Role(role)]
            for role, on_group, on_workspace in roles
            if on_group in (None, group_id) and on_workspace in (None, workspace_id)
        ),
        default=None,
    )


def _refusal(where: str, need: Permission) -> PermissionDeniedError:
    return PermissionDeniedError(
        f"Your role {where} does not permit you to {need.name.lower()}. Ask an owner for a higher one."
    )


def _check_scope(credential: Credential, need: Permission) -> None:
    if PERMISSION_BY_SCOPE[credential.scope] < need:
        raise PermissionDeniedError(
            f"The token has the scope {credential.scope.value}, which does not permit {need.name.lower()}."
        )


def _read_only(locks: Iterable[LockRow]) -> LockRow | None:
    return next((lock for lock in locks if lock.level is LockLevel.READ_ONLY), None)


def _check_lock(lock: LockRow | None) -> None:
    if lock is not None:
        raise PermissionDeniedError(
            f"The {lock.level} lock {lock.name!r} on {lock.where} forbids every change"
            f"{f' ({lock.note})' if lock.note else ''}. An owner can remove it."
        )
