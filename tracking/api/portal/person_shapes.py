"""What the REST API v1 answers about people, tokens and events; the OpenAPI document is made from these, too."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

import msgspec
from django.conf import settings

from tracking.identity.types import IssuedToken, PersonRow, Scope, TokenKind, TokenRow
from tracking.workspaces.types import Role, RoleRow


class MyRole(msgspec.Struct):
    """A role and where it was given; neither group nor workspace: on the server."""

    role: Role
    group: str | None
    workspace: str | None


class MyToken(msgspec.Struct):
    """The token that the question came with."""

    id: int
    kind: TokenKind
    name: str
    scopes: Sequence[Scope]
    expires_at: datetime


class Me(msgspec.Struct):
    """Who asks, what they are where, and with which token (null: with a session)."""

    username: str
    roles: Sequence[MyRole]
    token: MyToken | None


class Token(msgspec.Struct):
    """What may be told of a token; ``hint``: its last four characters; ``workspace``: the one it is bound to."""

    id: int
    kind: TokenKind
    name: str
    hint: str
    scopes: Sequence[Scope]
    workspace: str | None
    run_id: str | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class Tokens(msgspec.Struct):
    """One's tokens that are good now."""

    tokens: Sequence[Token]
    next_page_token: str | None


class NewToken(msgspec.Struct):
    """A new access token: ``token`` is the secret, which is shown this once."""

    id: int
    name: str
    scopes: Sequence[Scope]
    expires_at: datetime
    token: str


class TrackingUri(msgspec.Struct):
    """Where a training script logs to, and the credential, which lives an hour at most."""

    tracking_uri: str
    token: str
    uri_with_token: str
    expires_at_s: int
    expires_at: datetime
    workspace: str


class User(msgspec.Struct):
    """A person."""

    username: str
    email: str
    is_active: bool
    has_password: bool
    created_at: datetime
    last_sign_in_at: datetime | None
    roles: Sequence[MyRole]


class Users(msgspec.Struct):
    """A page of people, by name."""

    users: Sequence[User]
    next_page_token: str | None


class InvitedUser(msgspec.Struct):
    """A new person, and the link that signs them in once."""

    user: User
    sign_in_link: str
    expires_at: datetime


class SignInLink(msgspec.Struct):
    """A link that signs one person in, once."""

    sign_in_link: str
    expires_at: datetime


class DeviceLogin(msgspec.Struct):
    """What a program shows (``user_code`` at ``verification_uri``), and keeps (``device_code``)."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    interval_s: int
    expires_in_s: int


class DeviceToken(msgspec.Struct):
    """An access token for a program that was approved."""

    token: str
    username: str
    expires_at: datetime


class Event(msgspec.Struct):
    """A privileged change; ``token_id`` null: asked with a session, or by a command."""

    event_id: int
    at: datetime
    who: str
    token_id: int | None
    address: str
    verb: str
    target: str
    result: str
    request_id: str


class Events(msgspec.Struct):
    """A page of events, newest first."""

    events: Sequence[Event]
    next_page_token: str | None


def my_role(row: RoleRow) -> MyRole:
    """Return a role."""
    return MyRole(role=row.role, group=row.group, workspace=row.workspace)


def my_token(row: TokenRow) -> MyToken:
    """Return the token that the question came with."""
    return MyToken(id=row.token_id, kind=row.kind, name=row.name, scopes=row.scope.included, expires_at=row.expires_at)


def token(row: TokenRow) -> Token:
    """Return what may be told of a token."""
    return Token(
        id=row.token_id,
        kind=row.kind,
        name=row.name,
        hint=row.hint,
        scopes=row.scope.included,
        workspace=row.workspace,
        run_id=row.run_uid or None,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


def tracking_uri(issued: IssuedToken, *, workspace: str, username: str) -> TrackingUri:
    """Return a tracking URI with and without its credential."""
    scheme, _, host = settings.PORTAL_URL.partition("://")
    return TrackingUri(
        tracking_uri=f"{settings.PORTAL_URL}/w/{workspace}",
        token=issued.text,
        uri_with_token=f"{scheme}://{quote(username, safe='')}:{issued.text}@{host}/w/{workspace}",
        expires_at_s=int(issued.expires_at.timestamp()),
        expires_at=issued.expires_at,
        workspace=workspace,
    )


def user(row: PersonRow, roles: Sequence[RoleRow]) -> User:
    """Return a person and what they are where."""
    return User(
        username=row.username,
        email=row.email,
        is_active=row.is_active,
        has_password=row.has_password,
        created_at=row.created_at,
        last_sign_in_at=row.last_sign_in_at,
        roles=[my_role(one) for one in roles],
    )


def sign_in_link(secret: str) -> str:
    """Return the address of a sign-in link."""
    return f"{settings.PORTAL_URL}/sign-in/{secret}"
