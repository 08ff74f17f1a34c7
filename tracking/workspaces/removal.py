"""Marking and removing for good: workspaces and resource groups."""

from collections import Counter
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import ProtectedError, Q

from tracking.core.errors import InvalidStateError
from tracking.workspaces import access
from tracking.workspaces.models import ResourceGroup, RoleAssignment, Workspace


def workspaces_of(*, group_id: int) -> list[Workspace]:
    """Return the workspaces of a resource group, by number. One query."""
    return list(Workspace.objects.select_related("group").filter(group=group_id).order_by("pk"))


def find_workspace(*, pk: int) -> Workspace | None:
    """Return a workspace by number; None if it is gone. One query."""
    return Workspace.objects.select_related("group").filter(pk=pk).first()


def find_workspace_by_name(*, name: str) -> Workspace | None:
    """Return a workspace by name; None if there is none. One query."""
    return Workspace.objects.select_related("group").filter(name=name).first()


def workspaces_known(*, pks: Iterable[int]) -> set[int]:
    """Return those of the numbers that a workspace has. One query."""
    return set(Workspace.objects.filter(pk__in=list(pks)).values_list("pk", flat=True))


def find_group(*, pk: int) -> ResourceGroup | None:
    """Return a resource group by number; None if it is gone. One query."""
    return ResourceGroup.objects.filter(pk=pk).first()


def roles_within(*, group_id: int | None, workspace_ids: Sequence[int]) -> list[tuple[str, str, str]]:
    """Return (who, role, name of the group or workspace) of roles that go with a group or workspaces. One query."""
    rows = RoleAssignment.objects.filter(Q(group=group_id, group__isnull=False) | Q(workspace__in=workspace_ids))
    found = rows.order_by("user__username", "pk").values_list(
        "user__username", "role", "group__name", "workspace__name"
    )
    return [(who, role, group or workspace) for who, role, group, workspace in found]


def mark_workspaces(*, pks: Sequence[int], deletion_uid: str) -> None:
    """Mark workspaces as being removed. In the caller's transaction, behind the closed gate."""
    Workspace.objects.filter(pk__in=pks).update(deletion_uid=deletion_uid)
    transaction.on_commit(access.forget)


def mark_group(*, pk: int, deletion_uid: str) -> None:
    """Mark a resource group as being removed; its workspaces are marked each."""
    ResourceGroup.objects.filter(pk=pk).update(deletion_uid=deletion_uid)


def unmark(*, deletion_uid: str) -> None:
    """Let what is left of a deletion be written to again."""
    Workspace.objects.filter(deletion_uid=deletion_uid).update(deletion_uid="")
    ResourceGroup.objects.filter(deletion_uid=deletion_uid).update(deletion_uid="")
    transaction.on_commit(access.forget)


@transaction.atomic
def purge_workspace(*, pk: int) -> Counter[str]:
    """Remove an empty workspace for good, with its tokens, roles and all else that only says something about it.

    :raises InvalidStateError: if it still has experiments, runs, logged or registered models.
    """
    try:
        _, rows = Workspace.objects.filter(pk=pk).delete()
    except ProtectedError:
        raise InvalidStateError(f"Workspace {pk} is not empty; it can only be removed for good when it is.") from None
    transaction.on_commit(access.forget)
    return Counter(
        workspaces=rows.get("tracking.Workspace", 0),
        roles=rows.get("tracking.RoleAssignment", 0),
        datastores=rows.get("tracking.Datastore", 0),
    )


@transaction.atomic
def purge_group(*, pk: int) -> Counter[str]:
    """Remove an empty resource group for good.

    :raises InvalidStateError: if it still has workspaces.
    """
    try:
        _, rows = ResourceGroup.objects.filter(pk=pk).delete()
    except ProtectedError:
        raise InvalidStateError(f"Resource group {pk} has workspaces; it can only go without any.") from None
    return Counter(groups=rows.get("tracking.ResourceGroup", 0), roles=rows.get("tracking.RoleAssignment", 0))
