"""``…/members``: who is owner, contributor or reader of the server, a group or a workspace."""

from typing import TYPE_CHECKING

from tracking.api.base import endpoint
from tracking.api.portal import shapes
from tracking.api.portal.base import Call, Nothing, read_word
from tracking.core.json import Request
from tracking.identity.queries import get_user
from tracking.workspaces import queries, services
from tracking.workspaces.types import Role

if TYPE_CHECKING:
    from tracking.workspaces.models import ResourceGroup, Workspace


class PutMember(Request):
    """The role to give: owner, contributor or reader."""

    role: str


@endpoint(Nothing)
def list(
    call: Call, body: Nothing, group: "ResourceGroup | None" = None, workspace: "Workspace | None" = None
) -> shapes.Members:
    """Return who has a role here, by name; somebody with roles at several places comes once for each."""
    rows = queries.list_members(group=group, workspace=workspace)
    return shapes.Members(shapes.members(rows, group=group is not None, workspace=workspace is not None), None)


@endpoint(PutMember)
def put(
    call: Call,
    body: PutMember,
    username: str,
    group: "ResourceGroup | None" = None,
    workspace: "Workspace | None" = None,
) -> shapes.Member:
    """Give somebody a role here, in the place of the one that they were given here before."""
    role = read_word(body.role, among=tuple(Role), field="role")
    user = get_user(username=username)
    services.assign_role(user=user, role=role, group=group, workspace=workspace, by=call.user, now=call.now)
    scope = "workspace" if workspace is not None else "group" if group is not None else "server"
    return shapes.Member(username=username, is_active=True, role=role, scope=scope, inherited=False)


@endpoint(Nothing)
def delete(
    call: Call,
    body: Nothing,
    username: str,
    group: "ResourceGroup | None" = None,
    workspace: "Workspace | None" = None,
) -> None:
    """Take away the role that somebody was given here; what they inherit stays."""
    services.remove_role(username=username, group=group, workspace=workspace, by=call.user, now=call.now)
