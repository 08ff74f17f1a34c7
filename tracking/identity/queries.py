"""Questions about people and credentials."""

from dataclasses import dataclass
from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.db.models import Q

from tracking.core.errors import (
    ConflictError,
    NotFoundError,
    TooManyTriesError,
    UnauthenticatedError,
    UnknownCredentialError,
)
from tracking.core.memory import Memory
from tracking.identity.models import AccessToken, DeviceLogin, Session, User
from tracking.identity.secrets import digest_of, is_well_formed, normal_user_code
from tracking.identity.types import DeviceRow, DeviceState, PersonRow, Scope, SessionRow, TokenKind, TokenRow

MAX_UNKNOWN, UNKNOWN_LIFE_S = 20, 60
_unknown: Memory[str, int] = Memory(size=10_000, life_s=UNKNOWN_LIFE_S)
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


@dataclass(frozen=True, slots=True)
class _Known:
    token: AccessToken
    credential: Credential


_tokens: Memory[str, _Known] = Memory(size=10_000, life_s=1)  # in clear: it was in the request a second ago


def credential_by_token(*, text: str, now: datetime) -> Credential:
    """Return whom a token stands for. One query; none for one asked for within the last second, or no token at all.

    :raises UnauthenticatedError: if it is unknown, revoked or expired, or its owner is disabled.
    :raises ConflictError: if it is for a workspace that is being deleted: it was revoked with that.
    """
    known = _tokens.recall(text, lambda: _find_token(text))
    if known is None:
        what = "The token is unknown or was revoked."
        if not is_well_formed(text):
            what = "The credential is not a valid mlportal token (they start with mlp_)."
        raise UnknownCredentialError(what)
    token = known.token
    if token.workspace is not None and token.workspace.deletion_uid:
        raise ConflictError(
            f"Workspace {token.workspace.name!r} is being deleted (deletion {token.workspace.deletion_uid}); "
            "it takes no changes any more, and its tokens were revoked."
        )
    if token.revoked_at is not None or not token.user.is_active:  # ours once, so nobody guesses: not counted as a try
        raise UnauthenticatedError("The token is unknown or was revoked.")
    if token.expires_at <= now:
        what = "tracking URI" if token.kind == TokenKind.TRACKING else f"access token {token.name!r}"
        how = FRESH_ONE if token.kind == TokenKind.TRACKING else "Make another on the page Tokens, or `mlportal login`."
        raise UnauthenticatedError(f"The {what} expired at {token.expires_at:%Y-%m-%d %H:%M:%S} UTC. {how}")
    return known.credential


def _find_token(text: str) -> _Known | None:
    if not is_well_formed(text):
        return None
    token = AccessToken.objects.select_related("user", "workspace").filter(digest=digest_of(text)).first()
    if token is None:
        return None
    credential = Credential(
        user=token.user,
        workspace_id=token.workspace_id,
        scope=Scope(token.scope),
        run_uid=token.run_uid,
        token=_token_row(token),
    )
    return _Known(token, credential)


def count_unknown(*, address: str) -> None:
    """Count a credential from ``address`` that is none of ours, in this process; no query. Good ones never come here.

    :raises TooManyTriesError: after twenty, until the address was quiet for a minute.
    """
    count = (_unknown.get(address) or 0) + 1
    _unknown.put(address, count)
    if count > MAX_UNKNOWN:
        raise TooManyTriesError("Too many requests with unknown tokens. Check the token.", retry_after_s=UNKNOWN_LIFE_S)


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


def find_person(*, username: str) -> User | None:
    """Return the person with this name, disabled or not, None for nobody. One query."""
    return User.objects.filter(username=username).first()


def list_people(*, text: str = "", after: str = "", limit: int) -> list[PersonRow]:
    """Return people whose names or addresses contain ``text`` and come after ``after``, by name. One query."""
    found = User.objects.filter(username__gt=after)
    if text:
        found = found.filter(Q(username__icontains=text) | Q(email__icontains=text))
    return [person_row(user) for user in found.order_by("username")[:limit]]


def person_row(user: User) -> PersonRow:
    """Return what may be told of a person."""
    return PersonRow(
        pk=user.pk,
        username=user.username,
        email=user.email,
        is_active=user.is_active,
        has_password=user.has_usable_password(),
        created_at=user.date_joined,
        last_sign_in_at=user.last_login,
    )


def is_session(*, key: str) -> bool:
    """Tell whether a cookie's value belongs to a session, over or not. One query."""
    return Session.objects.filter(digest=digest_of(key)).exists()


def list_sessions(*, user: User, this: str, now: datetime) -> list[SessionRow]:
    """Return the browsers a person is signed in with, this one (``this``: its cookie's value) first. One query."""
    rows = [
        SessionRow(
            session_id=session.pk,
            address=session.address,
            agent=session.agent,
            created_at=session.created_at,
            seen_at=session.seen_at,
            is_this=bytes(session.digest) == digest_of(this),
        )
        for session in Session.objects.filter(user=user, expires_at__gt=now).order_by("-seen_at", "-pk")
    ]
    return sorted(rows, key=lambda row: not row.is_this)


def find_device_login(*, user_code: str, now: datetime) -> DeviceRow | None:
    """Return the program that waits with this code, however it was typed; None if none does. One query."""
    code = normal_user_code(user_code)
    login = DeviceLogin.objects.filter(user_code=code, state=DeviceState.ASKED, expires_at__gt=now).first()
    if login is None:
        return None
    return DeviceRow(user_code=code, client=login.client, address=login.address, created_at=login.created_at)


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


def has_email(*, email: str) -> bool:
    """Tell whether somebody has this e-mail address, however it is spelt. One query."""
    return bool(email) and User.objects.filter(email__iexact=email).exists()


def has_linked(*, user: User) -> bool:
    """Tell whether somebody can sign in by the word of another provider. One query."""
    return bool(SocialAccount.objects.filter(user=user).exists())
