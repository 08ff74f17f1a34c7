"""Questions about workspaces."""

from django.db.models import F, Q

from tracking.identity.models import User
from tracking.identity.queries import Credential
from tracking.workspaces.models import RoleAssignment, Workspace
from tracking.workspaces.types import Role, RoleRow


def list_workspaces(*, credential: Credential) -> list[Workspace]:
    """Return the workspaces the asker may read, by name, each with its group. Two queries."""
    assigned = RoleAssignment.objects.filter(user=credential.user)
    roles: list[tuple[int | None, int | None]] = list(assigned.values_list("group_id", "workspace_id"))
    found = Workspace.objects.select_related("group").order_by("name")
    if credential.workspace_id is not None:
        found = found.filter(pk=credential.workspace_id)
    if (None, None) not in roles:
        groups = [group for group, _ in roles if group is not None]
        workspaces = [workspace for _, workspace in roles if workspace is not None]
        found = found.filter(Q(group__in=groups) | Q(pk__in=workspaces))
    return list(found)


def role_places(*, user: User) -> list[tuple[Role, int | None, int | None]]:
    """Return a person's roles, each with the number of its group or workspace; neither: on the server. One query."""
    rows = RoleAssignment.objects.filter(user=user).values_list("role", "group_id", "workspace_id")
    return [(Role(role), group_id, workspace_id) for role, group_id, workspace_id in rows]


def list_roles(*, user: User) -> list[RoleRow]:
    """Return what a person was given: on the server, in groups by name, then in workspaces by name. One query."""
    assigned = RoleAssignment.objects.filter(user=user).order_by(
        F("workspace__name").asc(nulls_first=True), F("group__name").asc(nulls_first=True)
    )
    return [
        RoleRow(Role(role), *where) for role, *where in assigned.values_list("role", "group__name", "workspace__name")
    ]
