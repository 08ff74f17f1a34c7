"""Words about credentials."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

TRACKING_TOKEN_LIFE = timedelta(seconds=3600)
ACCESS_TOKEN_LIFE = timedelta(days=90)
MAX_ACCESS_TOKEN_LIFE = timedelta(days=366)
SIGN_IN_LINK_LIFE = timedelta(minutes=15)


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
