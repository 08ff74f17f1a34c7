"""Questions about resource groups, workspaces, and who is what in them."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F, Q, QuerySet, Sum

from tracking.core.errors import NotFoundError
from tracking.core.memory import Memory
from tracking.identity.models import User
from tracking.identity.queries import Credential
from tracking.workspaces.models import FormerName, Lock, ResourceGroup, RoleAssignment, Workspace, WorkspaceUsage
from tracking.workspaces.quotas import Quota, quota_of
from tracking.workspaces.roles import PERMISSION_BY_ROLE
from tracking.workspaces.types import (
    AccessExplained,
    EffectiveRole,
    GroupRow,
    LockLevel,
    LockRow,
    MemberRow,
    Role,
    RoleRow,
    WorkspaceRow,
)

_quotas: Memory[int, Quota] = Memory(size=10_000, life_s=1)
RANK = {Role.READER: 1, Role.CONTRIBUTOR: 2, Role.OWNER: 3}
Roles = Sequence[tuple[str, int | None, int | None]]


def list_workspaces(*, credential: Credential) -> list[Workspace]:
    """Return the workspaces the asker may read, by name, each with its group. Two queries."""
    return list(_readable(credential, _roles_of(credential)))


def list_workspace_rows(
    *, credential: Credential, group: str | None = None, after: str = "", limit: int | None = None
) -> list[WorkspaceRow]:
    """Return the workspaces the asker may read, of one group or of all, whose names come after ``after``, by name.

    Four queries.
    """
    roles = _roles_of(credential)
    found = _readable(credential, roles).select_related("usage").filter(name__gt=after)
    if group is not None:
        found = found.filter(group__name=group)
    return _workspace_rows(list(found[:limit]), roles)


def get_workspace_row(*, credential: Credential, workspace: Workspace) -> WorkspaceRow:
    """Return one workspace, which the caller has authorised. Four queries.

    :raises NotFoundError: if it, or the asker's role in it, has gone meanwhile.
    """
    fresh = Workspace.objects.select_related("group", "usage").filter(pk=workspace.pk).first()
    if fresh is None:
        raise NotFoundError(f"Workspace {workspace.name!r} not found.")
    return _workspace_rows([fresh], _roles_of(credential))[0]


def list_group_rows(*, credential: Credential, after: str = "", limit: int | None = None) -> list[GroupRow]:
    """Return the resource groups the asker has a role in, whose names come after ``after``, by name. Five queries."""
    roles = _roles_of(credential)
    found = ResourceGroup.objects.filter(name__gt=after).order_by("name")
    if credential.workspace_id is not None:
        found = found.none()
    elif not any(group is None and workspace is None for _, group, workspace in roles):
        found = found.filter(pk__in=[group for _, group, _ in roles if group is not None])
    return _group_rows(list(found[:limit]), roles)


def get_group_row(*, credential: Credential, group: ResourceGroup) -> GroupRow:
    """Return one resource group, which the caller has authorised. Five queries.

    :raises NotFoundError: if it, or the asker's role in it, has gone meanwhile.
    """
    fresh = ResourceGroup.objects.filter(pk=group.pk).first()
    if fresh is None:
        raise NotFoundError(f"Resource group {group.name!r} not found.")
    return _group_rows([fresh], _roles_of(credential))[0]


def role_places(*, user: User) -> list[tuple[Role, int | None, int | None]]:
    """Return a person's roles, each with the number of its group or workspace; neither: on the server. One query."""
    rows = RoleAssignment.objects.filter(user=user).values_list("role", "group_id", "workspace_id")
    return [(Role(role), group_id, workspace_id) for role, group_id, workspace_id in rows]


def get_quota(*, workspace_id: int) -> Quota:
    """Return what a workspace may hold. One query; none if the same was asked within the last second."""

    def find() -> Quota:
        own = Workspace.objects.filter(pk=workspace_id).values_list("quota_bytes", "quota_runs").first()
        quota_bytes, quota_runs = own or (None, None)
        return quota_of(quota_bytes=quota_bytes, quota_runs=quota_runs)

    return _quotas.recall(workspace_id, find) or find()


def forget_quotas() -> None:
    """Take a change of quotas into account at once in this process; others do within a second."""
    _quotas.forget()


def count_artifact_bytes(*, workspace: Workspace) -> int:
    """Return what a workspace's artifacts take, as counted. One query."""
    found = WorkspaceUsage.objects.filter(workspace=workspace).values_list("artifact_bytes", flat=True)
    return found.first() or 0


def list_unmeasured(*, before: datetime, limit: int) -> list[Workspace]:
    """Return workspaces whose artifacts were not measured since ``before``, or never. One query."""
    due = Q(usage=None) | Q(usage__measured_at=None) | Q(usage__measured_at__lt=before)
    return list(Workspace.objects.filter(due).order_by("pk")[:limit])


def list_roles(*, user: User) -> list[RoleRow]:
    """Return what a person was given: on the server, in groups by name, then in workspaces by name. One query."""
    assigned = RoleAssignment.objects.filter(user=user).order_by(
        F("workspace__name").asc(nulls_first=True), F("group__name").asc(nulls_first=True)
    )
    return [
        RoleRow(Role(role), *where) for role, *where in assigned.values_list("role", "group__name", "workspace__name")
    ]


def list_effective_roles(*, user: User) -> list[EffectiveRole]:
    """Return what a person is in each workspace that they may read, by name, and why. Three queries."""
    roles = list_roles(user=user)
    return [
        EffectiveRole(
            workspace.name,
            max(
                (row for row in roles if row.holds_in(workspace=workspace.name, group=workspace.group.name)),
                key=lambda row: RANK[row.role],
            ),
        )
        for workspace in list_workspaces(credential=Credential(user=user, workspace_id=None))
    ]


def roles_by_person(*, people: Sequence[int]) -> dict[int, list[RoleRow]]:
    """Return what each of these people was given, in the order of ``list_roles``. One query."""
    assigned = RoleAssignment.objects.filter(user__in=people).order_by(
        F("workspace__name").asc(nulls_first=True), F("group__name").asc(nulls_first=True)
    )
    roles: dict[int, list[RoleRow]] = {}
    for user_id, role, *where in assigned.values_list("user_id", "role", "group__name", "workspace__name"):
        roles.setdefault(user_id, []).append(RoleRow(Role(role), *where))
    return roles


def list_members(*, group: ResourceGroup | None = None, workspace: Workspace | None = None) -> list[MemberRow]:
    """Return who has a role on a workspace, a group, or the server (neither), its own and inherited, by name.

    One query. Somebody with roles at several places comes once for each.
    """
    where = Q(group=None, workspace=None)
    if workspace is not None:
        where |= Q(group=workspace.group_id) | Q(workspace=workspace)
    elif group is not None:
        where |= Q(group=group)
    assigned = RoleAssignment.objects.filter(where).order_by("user__username", "id")
    values = assigned.values_list("user__username", "user__is_active", "role", "group__name", "workspace__name")
    return [MemberRow(username, active, RoleRow(Role(role), *at)) for username, active, role, *at in values]


def explain_access(*, username: str, workspace: Workspace) -> AccessExplained:
    """Return what somebody may do in a workspace, and why. Two queries. A person who is disabled may do nothing."""
    held = [row for row in list_members(workspace=workspace) if row.username == username]
    roles = tuple((row.role, PERMISSION_BY_ROLE[row.role.role]) for row in held)
    is_active = all(row.is_active for row in held)
    return AccessExplained(
        roles=roles,
        permission=max((permission for _, permission in roles), default=None) if is_active else None,
        locks=tuple(list_locks(workspace=workspace)),
        deletion_uid=workspace.deletion_uid,
    )


def list_locks(*, group: ResourceGroup | None = None, workspace: Workspace | None = None) -> list[LockRow]:
    """Return the locks on a group, or on a workspace and its group, the group's first, by name. One query."""
    if workspace is not None:
        found = Lock.objects.filter(Q(workspace=workspace) | Q(group=workspace.group_id))
    else:
        found = Lock.objects.filter(group=group, workspace=None)
    return [_lock_row(lock) for lock in _in_order(found)]


def _roles_of(credential: Credential) -> Roles:
    assigned = RoleAssignment.objects.filter(user=credential.user)
    return list(assigned.values_list("role", "group_id", "workspace_id"))


def _readable(credential: Credential, roles: Roles) -> QuerySet[Workspace]:
    found = Workspace.objects.select_related("group").order_by("name")
    if credential.workspace_id is not None:
        found = found.filter(pk=credential.workspace_id)
    if not any(group is None and workspace is None for _, group, workspace in roles):
        groups = [group for _, group, _ in roles if group is not None]
        workspaces = [workspace for _, _, workspace in roles if workspace is not None]
        found = found.filter(Q(group__in=groups) | Q(pk__in=workspaces))
    return found


def _highest_role(roles: Roles, *, group_id: int, workspace_id: int | None = None) -> Role:
    """Return the highest of the roles that hold there.

    :raises NotFoundError: if there is none any more.
    """
    held = [
        Role(role)
        for role, on_group, on_workspace in roles
        if on_group in (None, group_id) and on_workspace in (None, workspace_id)
    ]
    if not held:
        raise NotFoundError("You have no role there any more.")
    return max(held, key=RANK.__getitem__)


def _workspace_rows(found: Sequence[Workspace], roles: Roles) -> list[WorkspaceRow]:
    former = list(FormerName.objects.filter(workspace__in=found).order_by("name").values_list("workspace_id", "name"))
    locks = _in_order(
        Lock.objects.filter(Q(workspace__in=found) | Q(group__in={workspace.group_id for workspace in found}))
    )
    return [
        WorkspaceRow(
            pk=one.pk,
            name=one.name,
            group=one.group.name,
            description=one.description,
            tags=one.tags,
            created_at=one.created_at,
            deletion_uid=one.deletion_uid,
            locks=tuple(_lock_row(lock) for lock in locks if one.pk == lock.workspace_id or one.group == lock.group),
            quota_bytes=one.quota_bytes,
            quota_runs=one.quota_runs,
            artifact_bytes=one.usage.artifact_bytes if hasattr(one, "usage") else 0,
            former_names=tuple(name for pk, name in former if pk == one.pk),
            my_role=_highest_role(roles, group_id=one.group_id, workspace_id=one.pk),
        )
        for one in found
    ]


def _group_rows(found: Sequence[ResourceGroup], roles: Roles) -> list[GroupRow]:
    workspaces = list(Workspace.objects.filter(group__in=found).order_by("name").values_list("group_id", "name"))
    locks = _in_order(Lock.objects.filter(group__in=found))
    usage = WorkspaceUsage.objects.filter(workspace__group__in=found).values_list("workspace__group_id")
    bytes_by_group = dict(usage.annotate(Sum("artifact_bytes")).order_by())
    return [
        GroupRow(
            name=one.name,
            description=one.description,
            tags=one.tags,
            created_at=one.created_at,
            deletion_uid=one.deletion_uid,
            workspaces=tuple(name for group_id, name in workspaces if group_id == one.pk),
            locks=tuple(_lock_row(lock) for lock in locks if lock.group_id == one.pk),
            artifact_bytes=bytes_by_group.get(one.pk, 0),
            my_role=_highest_role(roles, group_id=one.pk),
        )
        for one in found
    ]


def _in_order(locks: QuerySet[Lock]) -> list[Lock]:
    return list(
        locks.select_related("group", "workspace").order_by(F("workspace__name").asc(nulls_first=True), "name", "id")
    )


def _lock_row(lock: Lock) -> LockRow:
    return LockRow(
        name=lock.name,
        level=LockLevel(lock.level),
        note=lock.note,
        group=lock.group.name if lock.group else None,
        workspace=lock.workspace.name if lock.workspace else None,
        created_by=lock.created_by,
        created_at=lock.created_at,
    )
