"""What names, settings and credentials of datastores may look like, by kind."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from tracking.artifacts.paths import ArtifactPath
from tracking.core.errors import InvalidParameterError
from tracking.datastores.types import BUILT_IN, Kind

NAME: Final = re.compile(r"[a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?")
# Kind -> (the fields it must have, the fields it may have).
CONFIG: Final[Mapping[Kind, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    Kind.LOCAL: (("path",), ()),
    Kind.S3: (("bucket",), ("prefix", "endpoint", "region")),
    Kind.AZURE_BLOB: (("account", "container"), ("prefix", "endpoint")),
}
# Kind -> the sets of credentials, of which one is given, or none.
CREDENTIALS: Final[Mapping[Kind, tuple[tuple[str, ...], ...]]] = {
    Kind.LOCAL: (),
    Kind.S3: (("access_key_id", "secret_access_key"), ("access_key_id", "secret_access_key", "session_token")),
    Kind.AZURE_BLOB: (("account_key",), ("sas_token",)),
}
# Where credentials go: whoever changes one of these gives them again.
ADDRESS: Final = ("endpoint", "account")
MAX_VALUE: Final = 2_000
_FORMS: Final = {
    "bucket": (
        re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}"),
        "3 to 63 letters, digits, ., - and _",
    ),
    "container": (
        re.compile(r"\$root|\$web|[a-z0-9][a-z0-9-]{2,62}"),
        "3 to 63 lower-case letters, digits and -",
    ),
    "account": (re.compile(r"[a-z0-9]{3,24}"), "3 to 24 lower-case letters and digits"),
    "region": (re.compile(r"[a-z0-9-]{1,40}"), "lower-case letters, digits and hyphens, such as eu-central-1"),
}


def check_name(name: str) -> None:
    """Refuse a name that could not stand in an address, and the one that every workspace has."""
    if not NAME.fullmatch(name):
        raise InvalidParameterError(
            f"Datastore name {name[:80]!r} must be 1 to 63 lower-case letters, digits, hyphens and underscores, and "
            "begin and end with a letter or digit."
        )
    if name == BUILT_IN:
        raise InvalidParameterError(f"Datastore {BUILT_IN!r} comes with every workspace; register one of another name.")


def check_config(kind: Kind, config: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a datastore without the empty ones.

    :raises InvalidParameterError: if one is missing, unknown or malformed.
    """
    required, optional = CONFIG[kind]
    given = {name: value.strip() for name, value in config.items() if value.strip()}
    _check_fields(kind, "config", given, known=(*required, *optional))
    for name in required:
        if name not in given:
            raise InvalidParameterError(f"A datastore of kind {kind} needs config.{name}.")
    for name, value in given.items():
        form, meaning = _FORMS.get(name, (None, ""))
        if form is not None and not form.fullmatch(value):
            raise InvalidParameterError(f"Invalid value {value[:80]!r} for config.{name}: it must be {meaning}.")
    if "prefix" in given:
        given["prefix"] = str(ArtifactPath.parse(given["prefix"].strip("/"), allow_empty=True))
    return {name: value for name, value in given.items() if value}


def check_credentials(kind: Kind, credentials: Mapping[str, str]) -> dict[str, str]:
    """Return the credentials without the empty ones; no message repeats one.

    :raises InvalidParameterError: if they are not what the kind takes.
    """
    given = {name: value.strip() for name, value in credentials.items() if value.strip()}
    sets = CREDENTIALS[kind]
    _check_fields(kind, "credentials", given, known=tuple(dict.fromkeys(name for one in sets for name in one)))
    if given and set(given) not in [set(one) for one in sets]:
        wanted = ", or ".join(" and ".join(one) for one in sets)
        raise InvalidParameterError(f"The credentials of a datastore of kind {kind} are {wanted}; or none at all.")
    if "sas_token" in given:
        given["sas_token"] = given["sas_token"].removeprefix("?")
    if "account_key" in given:
        try:
            base64.b64decode(given["account_key"], validate=True)
        except binascii.Error:
            raise InvalidParameterError("credentials.account_key is not a key of Azure: those are base64.") from None
    return given


def _check_fields(kind: Kind, what: str, given: Mapping[str, str], *, known: tuple[str, ...]) -> None:
    for name, value in given.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise InvalidParameterError(f"A datastore of kind {kind} has no {what}.{name[:80]}; it has {names}.")
        if len(value) > MAX_VALUE or not value.isprintable():
            raise InvalidParameterError(f"{what}.{name} must be printable text of at most {MAX_VALUE} characters.")
