"""``…/locks``: what keeps groups and workspaces from being deleted, or from being changed at all."""

from typing import TYPE_CHECKING

from tracking.api.base import endpoint
from tracking.api.portal import shapes
from tracking.api.portal.base import Call, Nothing, read_word
from tracking.core.json import Request
from tracking.workspaces import queries, services
from tracking.workspaces.types import LockLevel

if TYPE_CHECKING:
    from tracking.workspaces.models import ResourceGroup, Workspace


class CreateLock(Request):
    """A new lock: ``CanNotDelete`` or ``ReadOnly``, which also refuses logging."""

    name: str
    level: str
    note: str | None = None


@endpoint(Nothing)
def list(
    call: Call, body: Nothing, group: "ResourceGroup | None" = None, workspace: "Workspace | None" = None
) -> shapes.Locks:
    """Return the locks that hold here, inherited ones first."""
    return shapes.Locks(shapes.locks(queries.list_locks(group=group, workspace=workspace)), None)


@endpoint(CreateLock)
def create(
    call: Call, body: CreateLock, group: "ResourceGroup | None" = None, workspace: "Workspace | None" = None
) -> shapes.Lock:
    """Put a lock on a resource group, whose workspaces inherit it, or on a workspace."""
    services.create_lock(
        name=body.name,
        level=read_word(body.level, among=tuple(LockLevel), field="level"),
        note=body.note or "",
        group=group,
        workspace=workspace,
        by=call.user,
        now=call.now,
    )
    found = queries.list_locks(group=group, workspace=workspace)
    is_inherited = workspace is not None
    return next(
        shapes.lock(row) for row in found if row.name == body.name and (row.workspace is not None) == is_inherited
    )


@endpoint(Nothing)
def delete(
    call: Call,
    body: Nothing,
    name: str,
    group: "ResourceGroup | None" = None,
    workspace: "Workspace | None" = None,
) -> None:
    """Remove a lock from what it stands on."""
    services.delete_lock(name=name, group=group, workspace=workspace, by=call.user, now=call.now)
