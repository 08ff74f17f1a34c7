"""Questions about workspaces."""

from django.db.models import Q

from tracking.identity.queries import Credential
from tracking.workspaces.models import RoleAssignment, Workspace


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
