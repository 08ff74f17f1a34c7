"""``login/device``: how a program without a browser gets a token (RFC 8628 with JSON bodies)."""

from django.conf import settings
from django.http import HttpResponse

from tracking.api.base import endpoint, error_response
from tracking.api.portal import person_shapes as shapes
from tracking.api.portal.base import Call
from tracking.core.json import Request
from tracking.identity.services import ask_device_login, collect_device_token
from tracking.identity.types import DEVICE_INTERVAL, DeviceLoginError

MAX_BYTES = 10_000


class AskDevice(Request):
    """Which program asks, and where it runs: people see it before they approve."""

    client: str | None = None


class CollectToken(Request):
    """The secret that POST login/device gave."""

    device_code: str


@endpoint(AskDevice, max_body_bytes=MAX_BYTES)
def device(call: Call, body: AskDevice) -> shapes.DeviceLogin:
    """Begin: show ``user_code`` to a person, who approves it at ``verification_uri``; meanwhile ask for the token."""
    asked = ask_device_login(client=body.client or "mlportal", now=call.now)
    page = f"{settings.PORTAL_URL}/login/device"
    return shapes.DeviceLogin(
        device_code=asked.device_code,
        user_code=asked.user_code,
        verification_uri=page,
        verification_uri_complete=f"{page}?code={asked.user_code}",
        interval_s=int(DEVICE_INTERVAL.total_seconds()),
        expires_in_s=int((asked.expires_at - call.now).total_seconds()),
    )


@endpoint(CollectToken, max_body_bytes=MAX_BYTES)
def token(call: Call, body: CollectToken) -> shapes.DeviceToken | HttpResponse:
    """Return the token, once; AUTHORIZATION_PENDING until a person has approved."""
    try:
        user, issued = collect_device_token(device_code=body.device_code, now=call.now)
    except DeviceLoginError as error:
        return error_response(status=400, code=error.code, message=str(error))
    return shapes.DeviceToken(token=issued.text, username=user.get_username(), expires_at=issued.expires_at)
