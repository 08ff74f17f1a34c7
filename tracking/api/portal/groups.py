"""``groups``: resource groups."""

from typing import TYPE_CHECKING

from tracking.api.base import endpoint
from tracking.api.portal import shapes
from tracking.api.portal.base import Call, Listing, Nothing, page_after, page_of, page_size
from tracking.core.json import Request
from tracking.workspaces import queries, services
from tracking.workspaces.types import GroupChange

if TYPE_CHECKING:
    from tracking.workspaces.models import ResourceGroup


class CreateGroup(Request):
    """A new resource group."""

    name: str
    description: str | None = None
    tags: dict[str, str] | None = None


class UpdateGroup(Request):
    """What is to be set; what is absent stays. ``tags`` replaces all of them."""

    name: str | None = None
    description: str | None = None
    tags: dict[str, str] | None = None


@endpoint(Listing)
def list(call: Call, body: Listing) -> shapes.Groups:
    """Return the resource groups in which the asker has a role, by name."""
    limit = page_size(body)
    found = queries.list_group_rows(credential=call.credential, after=page_after(body), limit=limit + 1)
    rows, token = page_of(found, limit)
    return shapes.Groups([shapes.group(row) for row in rows], token)


@endpoint(CreateGroup)
def create(call: Call, body: CreateGroup) -> shapes.Group:
    """Create an empty resource group."""
    group = services.create_group(
        name=body.name, description=body.description or "", tags=body.tags, by=call.user, now=call.now
    )
    return shapes.group(queries.get_group_row(credential=call.credential, group=group))


@endpoint(Nothing)
def show(call: Call, body: Nothing, group: "ResourceGroup") -> shapes.Group:
    """Return a resource group."""
    return shapes.group(queries.get_group_row(credential=call.credential, group=group))


@endpoint(UpdateGroup)
def update(call: Call, body: UpdateGroup, group: "ResourceGroup") -> shapes.Group:
    """Rename a resource group, describe it, tag it."""
    change = GroupChange(name=body.name, description=body.description, tags=body.tags)
    services.update_group(group=group, change=change, by=call.user, now=call.now)
    return shapes.group(queries.get_group_row(credential=call.credential, group=group))
