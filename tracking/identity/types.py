"""Words about credentials."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tracking.core.errors import TrackingError

TRACKING_TOKEN_LIFE = timedelta(seconds=3600)
ACCESS_TOKEN_LIFE = timedelta(days=90)
MAX_ACCESS_TOKEN_LIFE = timedelta(days=366)
SIGN_IN_LINK_LIFE = timedelta(minutes=15)
INVITATION_LIFE = timedelta(days=3)
DEVICE_LOGIN_LIFE = timedelta(minutes=10)
DEVICE_TOKEN_LIFE = timedelta(days=30)
DEVICE_INTERVAL = timedelta(seconds=2)


class TokenKind(StrEnum):
    """What a token is for."""

    ACCESS = "access"
    TRACKING = "tracking"


class Scope(StrEnum):
    """What a token may do at most, whatever its owner may; a later one includes those before it."""

    READ = "read"
    WRITE = "write"
    MANAGE = "manage"

    @property
    def included(self) -> "tuple[Scope, ...]":
        """This one and the lower ones, lowest first."""
        return tuple(Scope)[: self.rank + 1]

    @property
    def rank(self) -> int:
        return tuple(Scope).index(self)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token. ``text`` is the secret itself: it is not kept and cannot be shown again."""

    token_id: int
    text: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenRow:
    """What may be told of a token. ``workspace``: its name; ``run_uid``: the one run it is good for, empty for any."""

    token_id: int
    kind: TokenKind
    name: str
    hint: str
    scope: Scope
    workspace: str | None
    run_uid: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class DeviceState(StrEnum):
    """Where a program's wish to sign in stands."""

    ASKED = "asked"
    APPROVED = "approved"
    DENIED = "denied"
    COLLECTED = "collected"


class DeviceLoginError(TrackingError):
    """A program does not get its token, or not yet; ``code``: why, in the words of RFC 8628, 3.5."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class DeviceAsked:
    """What a program needs to go on: ``device_code`` is its secret, ``user_code`` (XXXX-XXXX) it shows to a person."""

    device_code: str
    user_code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A program that waits for somebody's approval."""

    user_code: str
    client: str
    address: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser that somebody is signed in with."""

    session_id: int
    address: str
    agent: str
    created_at: datetime
    seen_at: datetime
    is_this: bool


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person. ``has_password``: they can sign in without a link or another provider."""

    pk: int
    username: str
    email: str
    is_active: bool
    has_password: bool
    created_at: datetime
    last_sign_in_at: datetime | None
