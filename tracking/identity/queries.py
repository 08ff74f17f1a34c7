"""Questions about people and credentials."""

from dataclasses import dataclass
from datetime import datetime

from tracking.core.errors import NotFoundError, UnauthenticatedError
from tracking.core.memory import Memory
from tracking.identity.models import AccessToken, User
from tracking.identity.secrets import digest_of, is_well_formed

_tokens: Memory[bytes, AccessToken] = Memory(size=10_000, life_s=1)


@dataclass(frozen=True, slots=True)
class Credential:
    """Who asks, and the one workspace the credential is good for (None: any that the person may see)."""

    user: User
    workspace_id: int | None


def credential_by_token(*, text: str, now: datetime) -> Credential:
    """Return whom a token stands for. One query; none for one asked for within the last second, or no token at all.

    :raises UnauthenticatedError: if it is unknown, revoked or expired, or its owner is disabled.
    """
    if not is_well_formed(text):
        raise UnauthenticatedError("The credential is not a valid mlportal token (they start with mlp_).")
    digest = digest_of(text)
    token = _tokens.recall(digest, lambda: AccessToken.objects.select_related("user").filter(digest=digest).first())
    if token is None or token.revoked_at is not None or not token.user.is_active:
        raise UnauthenticatedError("The token is unknown or was revoked.")
    if token.expires_at <= now:
        raise UnauthenticatedError(
            f"The token expired at {token.expires_at:%Y-%m-%d %H:%M:%S} UTC. Get a fresh tracking URI "
            "(manage.py tracking_uri, or the workspace's page in the portal)."
        )
    return Credential(user=token.user, workspace_id=token.workspace_id)


def get_user(*, username: str) -> User:
    """Return the active person with this name. One query.

    :raises NotFoundError: if there is none.
    """
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise NotFoundError(f"There is no active user named {username!r}.")
    return user


def has_users() -> bool:
    """Tell whether anybody exists yet. One query."""
    return User.objects.exists()
