"""Credentials at rest: Fernet (AES-128-CBC with HMAC-SHA256), under a key derived from the server's secret key."""

import base64
import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from tracking.core.errors import InvalidStateError

PURPOSE = b"mlportal datastore credentials"


def seal(credentials: Mapping[str, str]) -> str:
    """Return credentials encrypted; an empty text for none."""
    return _fernet().encrypt(json.dumps(dict(credentials)).encode()).decode() if credentials else ""


def unseal(sealed: str, *, name: str) -> dict[str, str]:
    """Return the credentials of the datastore ``name``.

    :raises InvalidStateError: if they were stored under another secret key; names the datastore.
    """
    if not sealed:
        return {}
    try:
        opened: dict[str, str] = json.loads(_fernet().decrypt(sealed.encode()))
    except InvalidToken:
        raise InvalidStateError(
            f"The credentials of datastore {name!r} cannot be read: they were stored under another secret key "
            "(PORTAL_SECRET_KEY, or secret_key in the data folder). An owner must give them again: "
            f"`mlportal datastore update -n {name}`."
        ) from None
    return opened


def _fernet() -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
