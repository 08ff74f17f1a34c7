"""``tokens``: one's own credentials for programs."""

from datetime import timedelta

from tracking.api.base import endpoint
from tracking.api.portal import person_shapes as shapes
from tracking.api.portal.base import Call, Nothing
from tracking.core.errors import InvalidParameterError, NotFoundError
from tracking.core.json import Request
from tracking.identity import services
from tracking.identity.queries import list_tokens
from tracking.identity.types import ACCESS_TOKEN_LIFE, MAX_ACCESS_TOKEN_LIFE, Scope


class CreateToken(Request):
    """A token: its name, what it may do (the highest counts), and how long it lives."""

    name: str
    scopes: list[str] | None = None
    life_days: int | None = None


@endpoint(Nothing)
def list(call: Call, body: Nothing) -> shapes.Tokens:
    """Return one's tokens that are good now, access tokens first."""
    return shapes.Tokens([shapes.token(row) for row in list_tokens(user=call.user, now=call.now)], None)


@endpoint(CreateToken)
def create(call: Call, body: CreateToken) -> shapes.NewToken:
    """Make an access token, which is shown this once. One that is made with a token ends with it."""
    asking = call.credential.token
    scope = _highest(body.scopes)
    issued = services.issue_access_token(
        user=call.user,
        name=body.name,
        scope=scope,
        life=_life(body.life_days),
        parent=asking.token_id if asking else None,
        now=call.now,
    )
    return shapes.NewToken(
        id=issued.token_id, name=body.name, scopes=scope.included, expires_at=issued.expires_at, token=issued.text
    )


@endpoint(Nothing)
def revoke(call: Call, body: Nothing, token_id: str) -> None:
    """End a token and all that were made with it."""
    if not (token_id.isascii() and token_id.isdigit() and len(token_id) < 19):
        raise NotFoundError(f"There is no token {token_id[:80]!r}.")
    services.revoke_token(token_id=int(token_id), user=call.user, by=call.user, now=call.now)


def _highest(given: "list[str] | None") -> Scope:  # type: ignore[valid-type]
    try:
        scopes = [Scope(text) for text in given or Scope]
    except ValueError:
        raise InvalidParameterError(f"scopes must be some of {', '.join(Scope)}.") from None
    return max(scopes, key=lambda scope: scope.rank)


def _life(days: int | None) -> timedelta:
    if days is None:
        return ACCESS_TOKEN_LIFE
    if not 1 <= days <= MAX_ACCESS_TOKEN_LIFE.days:
        raise InvalidParameterError(f"life_days must be from 1 to {MAX_ACCESS_TOKEN_LIFE.days}, it is {days}.")
    return timedelta(days=days)
