"""Changes to resource groups, workspaces and roles."""

from datetime import datetime

from django.db import transaction

from tracking.audit.services import record
from tracking.core.errors import AlreadyExistsError, ConflictError, InvalidParameterError, NotFoundError
from tracking.identity.models import User
from tracking.identity.services import create_user, issue_sign_in_link
from tracking.identity.types import INVITATION_LIFE
from tracking.workspaces import access, store
from tracking.workspaces.models import ResourceGroup, RoleAssignment, Workspace
from tracking.workspaces.types import NAME_PATTERN, RESERVED_NAMES, Role


@transaction.atomic
def create_group(*, name: str, by: User | None, now: datetime) -> ResourceGroup:
    """Create an empty resource group. ``by`` None: the installation itself.

    :raises AlreadyExistsError: if the name is taken.
    """
    _check_name("Resource group", name)
    group, is_new = ResourceGroup.objects.get_or_create(name=name, defaults={"created_at": now})
    if not is_new:
        raise AlreadyExistsError(f"Resource group {name!r} already exists.")
    record(by=by, verb="group.create", target=name, at=now)
    return group


@transaction.atomic
def create_workspace(
    *, name: str, group: ResourceGroup, description: str = "", by: User | None, now: datetime
) -> Workspace:
    """Create a workspace; its Default experiment comes with runs.services.create_default_experiment.

    :raises AlreadyExistsError: if the name is taken on this server.
    """
    _check_name("Workspace", name)
    hold_group(group)
    workspace, is_new = Workspace.objects.get_or_create(
        name=name, defaults={"group": group, "description": description, "created_at": now}
    )
    if not is_new:
        raise AlreadyExistsError(f"Workspace {name!r} already exists.")
    record(by=by, verb="workspace.create", target=name, at=now)
    return workspace


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
    """Give a person a role on the server (neither group nor workspace), in a group or in a workspace."""
    RoleAssignment.objects.update_or_create(user=user, group=group, workspace=workspace, defaults={"role": role})
    transaction.on_commit(access.forget)
    scope = f"workspace {workspace.name}" if workspace else f"group {group.name}" if group else "server"
    record(by=by, verb="role.assign", target=f"{user.get_username()} {role} on {scope}", at=now)


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


def _check_name(what: str, name: str) -> None:
    if not 2 <= len(name) <= 63 or not NAME_PATTERN.fullmatch(name) or name in RESERVED_NAMES:
        raise InvalidParameterError(
            f"{what} name {name[:80]!r} must be 2 to 63 lower-case letters, digits and hyphens, begin and end with a "
            f"letter or digit, and not be one of {', '.join(sorted(RESERVED_NAMES))}."
        )
