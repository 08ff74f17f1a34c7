"""``server``: what this server is."""

from tracking.api.base import endpoint
from tracking.api.portal import shapes
from tracking.api.portal.base import Call, Nothing
from tracking.core.version import VERSION


@endpoint(Nothing)
def show(call: Call, body: Nothing) -> shapes.Server:
    """Return the server's name, version and clock."""
    return shapes.Server(name="mlportal", version=VERSION, api="v1", time_s=call.now.timestamp())
