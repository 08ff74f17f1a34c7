"""Changes to resource groups, workspaces, roles and locks."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from tracking.audit.services import record
from tracking.core.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidParameterError,
    InvalidStateError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
)
from tracking.identity.models import User
from tracking.identity.services import create_user, issue_sign_in_link
from tracking.identity.types import INVITATION_LIFE
from tracking.workspaces import access, store
from tracking.workspaces.models import FormerName, Lock, ResourceGroup, RoleAssignment, Workspace, WorkspaceUsage
from tracking.workspaces.queries import list_locks
from tracking.workspaces.rules import check_description, check_name, check_note, check_quota, check_tags, worded
from tracking.workspaces.types import GroupChange, LockLevel, Role, WorkspaceChange

# ---- resource groups -----------------------------------------------------------------------------------------------


@transaction.atomic
def create_group(
    *, name: str, description: str = "", tags: Mapping[str, str] | None = None, by: User | None, now: datetime
) -> ResourceGroup:
    """Create an empty resource group. ``by`` None: the installation itself.

    :raises AlreadyExistsError: if the name is taken.
    :raises QuotaExceededError: if the server has all the groups that it may have.
    """
    check_name("Resource group", name)
    check_description(description)
    check_tags(tags or {})
    if ResourceGroup.objects.count() >= settings.MAX_GROUPS:
        raise QuotaExceededError(
            f"This server may have {settings.MAX_GROUPS} resource groups (PORTAL_MAX_GROUPS), and has them."
        )
    group, is_new = ResourceGroup.objects.get_or_create(
        name=name, defaults={"description": description, "tags": tags or {}, "created_at": now}
    )
    if not is_new:
        raise AlreadyExistsError(f"Resource group {name!r} already exists.")
    record(by=by, verb="group.create", target=name, at=now)
    return group


@transaction.atomic
def update_group(*, group: ResourceGroup, change: GroupChange, by: User, now: datetime) -> None:
    """Change what is given of a resource group and differs. Its name is no address: renaming breaks nothing.

    :raises AlreadyExistsError: if the new name is taken.
    """
    hold_group(group)
    _check_fields("Resource group", group.name, change.fields)
    fields = _differing(ResourceGroup.objects.get(pk=group.pk), change.fields)
    if not fields:
        return
    try:
        with transaction.atomic():
            ResourceGroup.objects.filter(pk=group.pk).update(**fields)
    except IntegrityError:
        raise AlreadyExistsError(f"Resource group {change.name!r} already exists.") from None
    transaction.on_commit(access.forget)
    record(by=by, verb="group.update", target=f"{group.name}: {worded(fields)}", at=now)


# ---- workspaces ----------------------------------------------------------------------------------------------------


@transaction.atomic
def create_workspace(
    *,
    name: str,
    group: ResourceGroup,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    by: User | None,
    now: datetime,
) -> Workspace:
    """Create a workspace; its Default experiment comes with runs.services.create_default_experiment.

    :raises AlreadyExistsError: if the name is taken on this server, or was that of a workspace that still exists.
    :raises QuotaExceededError: if the server has all the workspaces that it may have.
    """
    check_name("Workspace", name)
    check_description(description)
    check_tags(tags or {})
    hold_group(group)
    _check_free(name)
    if Workspace.objects.count() >= settings.MAX_WORKSPACES:
        raise QuotaExceededError(
            f"This server may have {settings.MAX_WORKSPACES} workspaces (PORTAL_MAX_WORKSPACES), and has them."
        )
    workspace, is_new = Workspace.objects.get_or_create(
        name=name, defaults={"group": group, "description": description, "tags": tags or {}, "created_at": now}
    )
    if not is_new:
        raise AlreadyExistsError(f"Workspace {name!r} already exists.")
    record(by=by, verb="workspace.create", target=name, at=now)
    return workspace


@transaction.atomic
def update_workspace(
    *, workspace: Workspace, change: WorkspaceChange, group: ResourceGroup | None = None, by: User, now: datetime
) -> None:
    """Change what is given of a workspace and differs, and move it to ``group``. All of it, or nothing.

    A workspace that is renamed still answers under its former names, so that running scripts go on.

    :raises AlreadyExistsError: if the new name is taken.
    :raises PermissionDeniedError: if it is to leave a group while a lock stands on the workspace or on the group.
    """
    hold_workspace(workspace)
    fields = change.fields
    if group is not None:
        fields["group_id"] = group.pk
    _check_fields("Workspace", workspace.name, fields)
    fields = _differing(Workspace.objects.get(pk=workspace.pk), fields)
    if not fields:
        return
    if group is not None and "group_id" in fields:
        hold_group(group)
        _check_may_leave(workspace)
    if change.name is not None and "name" in fields:
        _rename(workspace, change.name)
    Workspace.objects.filter(pk=workspace.pk).update(**fields)
    transaction.on_commit(access.forget)
    said = worded({**fields, "group_id": group.name} if group and "group_id" in fields else fields)
    record(by=by, verb="workspace.update", target=f"{workspace.name}: {said}", at=now)


@transaction.atomic
def release_name(*, workspace: Workspace, name: str, by: User, now: datetime) -> None:
    """Let a workspace no longer answer under a former name, which others may take then.

    :raises NotFoundError: if it never had the name, or it was released.
    """
    hold_workspace(workspace)
    if not FormerName.objects.filter(workspace=workspace, name=name).delete()[0]:
        raise NotFoundError(f"Workspace {workspace.name!r} has no former name {name[:80]!r}.")
    transaction.on_commit(access.forget)
    record(by=by, verb="workspace.release_name", target=f"{workspace.name}: {name}", at=now)


@transaction.atomic
def delete_empty_workspace(*, workspace: Workspace, by: User, now: datetime) -> None:
    """Remove a workspace in which nothing is, for good; its name and its former names are free again.

    :raises PermissionDeniedError: if a lock stands on it or on its group.
    :raises InvalidStateError: if it has experiments or registered models.
    """
    hold_workspace(workspace)
    for lock in list_locks(workspace=workspace):
        raise PermissionDeniedError(
            f"The {lock.level} lock {lock.name!r} on {lock.where} forbids to delete workspace {workspace.name!r}."
        )
    try:
        Workspace.objects.filter(pk=workspace.pk).delete()
    except ProtectedError:
        raise InvalidStateError(
            f"Workspace {workspace.name!r} is not empty: it has experiments or registered models."
        ) from None
    transaction.on_commit(access.forget)
    record(by=by, verb="workspace.delete", target=workspace.name, at=now)


def add_artifact_bytes(*, workspace_id: int, change: int) -> None:
    """Count bytes that a workspace's artifacts take more, or fewer; never below zero. One query, the first time two."""
    if not store.add_artifact_bytes(workspace_id=workspace_id, change=change):
        usage = WorkspaceUsage(workspace_id=workspace_id, artifact_bytes=max(0, change))
        WorkspaceUsage.objects.bulk_create([usage], ignore_conflicts=True)


def note_measured(*, workspace_id: int, now: datetime) -> None:
    """Note that a workspace's artifacts were measured and counted. One query."""
    WorkspaceUsage.objects.filter(workspace=workspace_id).update(measured_at=now)


# ---- roles and locks -----------------------------------------------------------------------------------------------


@transaction.atomic
def assign_role(
    *,
    user: User,
    role: Role,
    group: ResourceGroup | None = None,
    workspace: Workspace | None = None,
    by: User | None,
    now: datetime,
) -> None:
    """Give a person a role on the server (neither group nor workspace), in a group or in a workspace.

    :raises InvalidStateError: if it would leave the server without an owner.
    """
    if group is None and workspace is None and role is not Role.OWNER:
        _check_not_last_owner(user)
    RoleAssignment.objects.update_or_create(user=user, group=group, workspace=workspace, defaults={"role": role})
    transaction.on_commit(access.forget)
    record(by=by, verb="role.assign", target=f"{user.get_username()} {role} on {_place(group, workspace)}", at=now)


@transaction.atomic
def remove_role(
    *,
    username: str,
    group: ResourceGroup | None = None,
    workspace: Workspace | None = None,
    by: User,
    now: datetime,
) -> None:
    """Take away the role that a person was given at this very place; what they inherit stays.

    :raises NotFoundError: if they were given none there.
    :raises InvalidStateError: if it would leave the server without an owner.
    """
    place = _place(group, workspace)
    found = RoleAssignment.objects.select_related("user").filter(
        user__username=username, group=group, workspace=workspace
    )
    assigned = found.first()
    if assigned is None:
        raise NotFoundError(f"{username!r} was given no role on {place}; an inherited one goes where it was given.")
    if group is None and workspace is None:
        _check_not_last_owner(assigned.user)
    found.delete()
    transaction.on_commit(access.forget)
    record(by=by, verb="role.remove", target=f"{username} {assigned.role} on {place}", at=now)


@transaction.atomic
def create_lock(
    *,
    name: str,
    level: LockLevel,
    note: str = "",
    group: ResourceGroup | None = None,
    workspace: Workspace | None = None,
    by: User,
    now: datetime,
) -> None:
    """Put a lock on a group or a workspace. Also on what is being deleted: a lock stops the deletion.

    :raises AlreadyExistsError: if it has a lock of this name.
    """
    check_name("Lock", name)
    check_note(note)
    try:
        with transaction.atomic():
            Lock.objects.create(
                name=name,
                level=level,
                note=note,
                group=group,
                workspace=workspace,
                created_by=by.get_username(),
                created_at=now,
            )
    except IntegrityError:
        raise AlreadyExistsError(f"There is a lock {name!r} on {_place(group, workspace)} already.") from None
    transaction.on_commit(access.forget)
    record(by=by, verb="lock.create", target=f"{level} {name} on {_place(group, workspace)}", at=now)


@transaction.atomic
def delete_lock(
    *, name: str, group: ResourceGroup | None = None, workspace: Workspace | None = None, by: User, now: datetime
) -> None:
    """Remove a lock from the very thing it stands on.

    :raises NotFoundError: if there is none of this name; an inherited one is removed where it stands.
    """
    place = _place(group, workspace)
    if not Lock.objects.filter(name=name, group=group, workspace=workspace).delete()[0]:
        raise NotFoundError(f"There is no lock {name!r} on {place}; an inherited one is removed where it stands.")
    transaction.on_commit(access.forget)
    record(by=by, verb="lock.delete", target=f"{name} on {place}", at=now)


# ---- holding and checking ------------------------------------------------------------------------------------------


@transaction.atomic
def invite(*, username: str, email: str = "", role: Role | None = None, by: User, now: datetime) -> tuple[User, str]:
    """Create a person, with a role on the server if one is given; return them and the secret of their first link.

    :raises InvalidParameterError: if the name or the address cannot be used.
    """
    user = create_user(username=username, email=email, by=by, now=now)
    if role is not None:
        assign_role(user=user, role=role, by=by, now=now)
    return user, issue_sign_in_link(user=user, life=INVITATION_LIFE, by=by, now=now)


def hold_workspace(workspace: Workspace) -> None:
    """Make sure that no removal of a workspace begins before the caller's transaction ends. One query.

    :raises ConflictError: if one has begun; names the deletion.
    :raises NotFoundError: if it is gone.
    """
    _refuse_dying(f"Workspace {workspace.name!r}", store.deletion_of_workspace(workspace.pk))


def hold_group(group: ResourceGroup) -> None:
    """Make sure that no removal of a resource group begins before the caller's transaction ends. One query.

    :raises ConflictError: if one has begun; names the deletion.
    :raises NotFoundError: if it is gone.
    """
    _refuse_dying(f"Resource group {group.name!r}", store.deletion_of_group(group.pk))


def _refuse_dying(what: str, deletion_uid: str | None) -> None:
    if deletion_uid is None:
        raise NotFoundError(f"{what} not found.")
    if deletion_uid:
        raise ConflictError(f"{what} is being deleted (deletion {deletion_uid}); it takes no changes any more.")


def _check_fields(what: str, name: str, fields: Mapping[str, object]) -> None:
    """Check what a change sets, by the names of columns.

    :raises InvalidParameterError: if it breaks a rule, or changes nothing.
    """
    if not fields:
        raise InvalidParameterError(f"{what} {name!r} is not changed: the request says of nothing what it shall be.")
    if "name" in fields:
        check_name(what, str(fields["name"]))
    if "description" in fields:
        check_description(str(fields["description"]))
    if isinstance(tags := fields.get("tags"), Mapping):
        check_tags(tags)
    for quota in ("quota_bytes", "quota_runs"):
        check_quota(quota, fields.get(quota))


def _differing(row: ResourceGroup | Workspace, fields: Mapping[str, object]) -> dict[str, object]:
    """Return those of the fields that the row does not have yet."""
    return {name: value for name, value in fields.items() if getattr(row, name) != value}


def _check_free(name: str) -> None:
    """Refuse a name under which another workspace is still reached."""
    former = FormerName.objects.select_related("workspace").filter(name=name).first()
    if former is not None:
        raise AlreadyExistsError(
            f"{name!r} is a former name of workspace {former.workspace.name!r}, under which scripts may still reach it."
        )


def _rename(workspace: Workspace, name: str) -> None:
    """Give a workspace another name, maybe one that it had, and keep its present one as a former name."""
    FormerName.objects.filter(name=name, workspace=workspace).delete()
    _check_free(name)
    try:
        with transaction.atomic():
            Workspace.objects.filter(pk=workspace.pk).update(name=name)
    except IntegrityError:
        raise AlreadyExistsError(f"Workspace {name!r} already exists.") from None
    FormerName.objects.create(name=workspace.name, workspace=workspace)


def _check_may_leave(workspace: Workspace) -> None:
    """Refuse to take a workspace out of its group past a lock: it would no longer hold."""
    for lock in list_locks(workspace=workspace):
        raise PermissionDeniedError(
            f"The {lock.level} lock {lock.name!r} on {lock.where} keeps workspace {workspace.name!r} in its group."
        )


def _check_not_last_owner(user: User) -> None:
    """Refuse to take the server's last owner away. Holds the owners until the caller's transaction ends."""
    owners = RoleAssignment.objects.select_for_update().filter(
        group=None, workspace=None, role=Role.OWNER, user__is_active=True
    )
    if [owner.user_id for owner in owners.order_by("pk")] == [user.pk]:
        raise InvalidStateError(
            f"{user.get_username()!r} is the last owner of this server. Make somebody else an owner first."
        )


def _place(group: ResourceGroup | None, workspace: Workspace | None) -> str:
    return f"workspace {workspace.name}" if workspace else f"group {group.name}" if group else "server"
