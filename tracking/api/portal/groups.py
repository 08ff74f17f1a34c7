"""``groups``: resource groups."""

from typing import TYPE_CHECKING

from tracking.api.base import endpoint
from tracking.api.portal import shapes
from tracking.api.portal.base import Call, Listing, Nothing, page_after, page_of, page_size
from tracking.workspaces import queries

if TYPE_CHECKING:
    from tracking.workspaces.models import ResourceGroup


@endpoint(Listing)
def list(call: Call, body: Listing) -> shapes.Groups:
    """Return the resource groups in which the asker has a role, by name."""
    limit = page_size(body)
    found = queries.list_group_rows(credential=call.credential, after=page_after(body), limit=limit + 1)
    rows, token = page_of(found, limit)
    return shapes.Groups([shapes.group(row) for row in rows], token)


@endpoint(Nothing)
def show(call: Call, body: Nothing, group: "ResourceGroup") -> shapes.Group:
    """Return a resource group."""
    return shapes.group(queries.get_group_row(credential=call.credential, group=group))
