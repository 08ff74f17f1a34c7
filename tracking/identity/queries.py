"""Questions about people and credentials."""

from dataclasses import dataclass
from datetime import datetime

from tracking.core.errors import ConflictError, NotFoundError, UnauthenticatedError
from tracking.core.memory import Memory
from tracking.identity.models import AccessToken, User
from tracking.identity.secrets import digest_of, is_well_formed
from tracking.identity.types import Scope, TokenKind, TokenRow

_tokens: Memory[bytes, AccessToken] = Memory(size=10_000, life_s=1)
FRESH_ONE = (
    "Call ws.get_mlflow_tracking_uri(), POST /api/v1/workspaces/<workspace>/tracking-uri, or `manage.py tracking_uri`; "
    "the workspace's page in the portal makes one too."
)


@dataclass(frozen=True, slots=True)
class Credential:
    """Who asks, and what the credential limits that person to.

    ``workspace_id``: the one workspace it is good for (None: any that the person may see); ``run_uid``: the one run
    there that it may write to (empty: any); ``token``: which token it was (None: a session, or a command).
    """

    user: User
    workspace_id: int | None
    scope: Scope = Scope.MANAGE
    run_uid: str = ""
    token: TokenRow | None = None


def credential_by_token(*, text: str, now: datetime) -> Credential:
    """Return whom a token stands for. One query; none for one asked for within the last second, or no token at all.

    :raises UnauthenticatedError: if it is unknown, revoked or expired, or its owner is disabled.
    :raises ConflictError: if it is for a workspace that is being deleted: it was revoked with that.
    """
    if not is_well_formed(text):
        raise UnauthenticatedError("The credential is not a valid mlportal token (they start with mlp_).")
    digest = digest_of(text)
    with_owner = AccessToken.objects.select_related("user", "workspace")
    token = _tokens.recall(digest, lambda: with_owner.filter(digest=digest).first())
    if token is not None and token.workspace is not None and token.workspace.deletion_uid:
        raise ConflictError(
            f"Workspace {token.workspace.name!r} is being deleted (deletion {token.workspace.deletion_uid}); "
            "it takes no changes any more, and its tokens were revoked."
        )
    if token is None or token.revoked_at is not None or not token.user.is_active:
        raise UnauthenticatedError("The token is unknown or was revoked.")
    if token.expires_at <= now:
        what = "tracking URI" if token.kind == TokenKind.TRACKING else f"access token {token.name!r}"
        how = FRESH_ONE if token.kind == TokenKind.TRACKING else "Make another on the page Tokens, or `mlportal login`."
        raise UnauthenticatedError(f"The {what} expired at {token.expires_at:%Y-%m-%d %H:%M:%S} UTC. {how}")
    return Credential(
        user=token.user,
        workspace_id=token.workspace_id,
        scope=Scope(token.scope),
        run_uid=token.run_uid,
        token=_token_row(token),
    )


def forget_tokens() -> None:
    """Take a change of tokens or people into account at once in this process; others do within a second."""
    _tokens.forget()


def list_tokens(*, user: User, now: datetime) -> list[TokenRow]:
    """Return a person's tokens that are good now, access tokens before tracking tokens, newest first. One query."""
    good = AccessToken.objects.filter(user=user, revoked_at=None, expires_at__gt=now)
    return [_token_row(token) for token in good.select_related("workspace").order_by("kind", "-pk")]


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


def _token_row(token: AccessToken) -> TokenRow:
    return TokenRow(
        token_id=token.pk,
        kind=TokenKind(token.kind),
        name=token.name,
        hint=token.hint,
        scope=Scope(token.scope),
        workspace=token.workspace.name if token.workspace else None,
        run_uid=token.run_uid,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )
