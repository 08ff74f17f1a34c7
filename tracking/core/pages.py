"""Pages by keyset: a token holds the sort values of the last row seen, so that rows added meanwhile shift nothing."""

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from tracking.core.errors import InvalidParameterError

T = TypeVar("T")
KeyValue = str | int | float | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the token of the next page (None: there is none)."""

    rows: list[T]
    next_token: str | None


def encode_token(values: tuple[KeyValue, ...]) -> str:
    """Return the values as an opaque, URL-safe text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode()


def decode_token(token: str, *, length: int) -> tuple[KeyValue, ...]:
    """Return the values in a token.

    :raises InvalidParameterError: if it is not a token of ``length`` values.
    """
    try:
        values = msgspec.json.decode(base64.b64decode(token, altchars=b"-_", validate=True), type=tuple[KeyValue, ...])
    except (msgspec.DecodeError, binascii.Error, ValueError):
        values = ()
    if len(values) != length:
        raise InvalidParameterError(
            f"Invalid page token, could not decode: {token[:100]!r}. Ask for the first page again."
        )
    return values
