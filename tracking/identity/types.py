"""Words about credentials."""

from datetime import timedelta
from enum import StrEnum

TRACKING_TOKEN_LIFE = timedelta(seconds=3600)
SIGN_IN_LINK_LIFE = timedelta(minutes=15)


class TokenKind(StrEnum):
    """What a token is for."""

    ACCESS = "access"
    TRACKING = "tracking"
