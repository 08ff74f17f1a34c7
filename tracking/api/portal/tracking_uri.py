"""``workspaces/<workspace>/tracking-uri``: where a script logs to, with a credential that lives an hour."""

from datetime import timedelta
from typing import TYPE_CHECKING

from tracking.api.base import endpoint
from tracking.api.portal import person_shapes as shapes
from tracking.api.portal.base import Call
from tracking.core.errors import InvalidParameterError, PermissionDeniedError
from tracking.core.json import Request
from tracking.identity import services
from tracking.identity.types import TRACKING_TOKEN_LIFE, TokenKind
from tracking.runs.queries import get_run

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace


class CreateTrackingUri(Request):
    """How long the credential lives, an hour at most, and the one run that it may write to."""

    life_s: int | None = None
    run_id: str | None = None


class RenewTrackingUri(Request):
    """How long the new credential lives, an hour at most."""

    life_s: int | None = None


@endpoint(CreateTrackingUri)
def create(call: Call, body: CreateTrackingUri, workspace: "Workspace") -> shapes.TrackingUri:
    """Make a tracking URI; it ends with the token that asks for it, and can be renewed as long as that is good."""
    asking = call.credential.token
    if asking is not None and asking.kind is TokenKind.TRACKING:
        raise PermissionDeniedError(
            "A tracking token makes no others. POST …/tracking-uri/renew renews it; an access token makes new ones."
        )
    run_uid = get_run(workspace=workspace, uid=body.run_id).uid if body.run_id else ""
    issued = services.issue_tracking_token(
        user=call.user,
        workspace_id=workspace.pk,
        name=asking.name if asking else "portal",
        run_uid=run_uid,
        life=_life(body.life_s),
        parent=asking.token_id if asking else None,
        now=call.now,
    )
    return shapes.tracking_uri(issued, workspace=workspace.name, username=call.user.get_username())


@endpoint(RenewTrackingUri)
def renew(call: Call, body: RenewTrackingUri, workspace: "Workspace") -> shapes.TrackingUri:
    """Make another tracking URI like the one whose token asks. The old one works until it would have ended."""
    asking = call.credential.token
    if asking is None or asking.kind is not TokenKind.TRACKING:
        raise PermissionDeniedError("Only a tracking token is renewed: send the one that is about to expire.")
    issued = services.renew_tracking_token(token_id=asking.token_id, life=_life(body.life_s), now=call.now)
    return shapes.tracking_uri(issued, workspace=workspace.name, username=call.user.get_username())


def _life(seconds: int | None) -> timedelta:
    if seconds is None:
        return TRACKING_TOKEN_LIFE
    if not 1 <= seconds <= TRACKING_TOKEN_LIFE.total_seconds():
        raise InvalidParameterError(
            f"life_s must be from 1 to {TRACKING_TOKEN_LIFE.total_seconds():g}, it is {seconds}."
        )
    return timedelta(seconds=seconds)
