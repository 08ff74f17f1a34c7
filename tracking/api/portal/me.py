"""``me``: who asks."""

from tracking.api.base import endpoint
from tracking.api.portal import person_shapes as shapes
from tracking.api.portal.base import Call, Nothing
from tracking.workspaces.queries import list_roles


@endpoint(Nothing)
def show(call: Call, body: Nothing) -> shapes.Me:
    """Return who asks, what they are where, and with which token."""
    token = call.credential.token
    return shapes.Me(
        username=call.user.get_username(),
        roles=[shapes.my_role(row) for row in list_roles(user=call.user)],
        token=shapes.my_token(token) if token else None,
    )
