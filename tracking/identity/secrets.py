"""The text of a token: ``mlp_`` + 40 random base-62 digits (238 bits) + 6 digits of CRC-32 over what precedes them.

The prefix lets scanners find a leaked token; the checksum lets the server refuse a mistyped one without asking the
database (the scheme GitHub published for its tokens in 2021).
"""

import hashlib
import secrets
import string
import zlib

PREFIX = "mlp_"
DIGITS = string.digits + string.ascii_letters
RANDOM_LENGTH, CHECK_LENGTH = 40, 6
USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so no words (RFC 8628, 6.1); 34 bits, for ten minutes
USER_CODE_LENGTH = 8


def new_secret() -> str:
    """Return a fresh token text."""
    body = PREFIX + "".join(secrets.choice(DIGITS) for _ in range(RANDOM_LENGTH))
    return body + _checksum(body)


def is_well_formed(text: str) -> bool:
    """Tell whether ``text`` could be one of our tokens."""
    body, check = text[:-CHECK_LENGTH], text[-CHECK_LENGTH:]
    return (
        text.isascii()
        and text.startswith(PREFIX)
        and len(text) == len(PREFIX) + RANDOM_LENGTH + CHECK_LENGTH
        and secrets.compare_digest(check, _checksum(body))
    )


def digest_of(text: str) -> bytes:
    """Return the 32 bytes that the database keeps. The text is long and random, so that a plain SHA-256 is enough."""
    return hashlib.sha256(text.encode()).digest()


def new_user_code() -> str:
    """Return eight letters for people to type."""
    return "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(USER_CODE_LENGTH))


def normal_user_code(text: str) -> str:
    """Return what somebody typed as it is kept: upper case, letters alone; cut where it is too long to be one."""
    return "".join(letter for letter in text.upper() if letter in USER_CODE_LETTERS)[: USER_CODE_LENGTH + 1]


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits
