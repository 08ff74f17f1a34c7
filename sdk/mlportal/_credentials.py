"""Where a token comes from: the environment, else ``~/.config/mlportal/credentials`` (0600, by endpoint)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mlportal._endpoints import normal_endpoint
from mlportal._files import config_folder, read_json, write_private_json
from mlportal.errors import ConfigError, NotSignedInError

TOKEN_VARIABLE, ENDPOINT_VARIABLE = "MLPORTAL_TOKEN", "MLPORTAL_ENDPOINT"


@dataclass(frozen=True)
class Credential:
    """A token for one server. ``source``: where it was found, for messages; ``expires_at``: ISO 8601, if known."""

    endpoint: str
    token: str
    source: str
    username: str = ""
    expires_at: str | None = None

    def __repr__(self) -> str:
        """Return everything but the secret."""
        return f"Credential(endpoint={self.endpoint!r}, source={self.source!r}, username={self.username!r})"


def credentials_path() -> Path:
    """Return where `mlportal login` keeps tokens."""
    return config_folder() / "credentials"


def find_credential(endpoint: str) -> Credential | None:
    """Return the token for a server, or None.

    MLPORTAL_TOKEN comes first; if MLPORTAL_ENDPOINT is set too, the token is sent to that server and to no other.
    """
    in_environment = os.environ.get(TOKEN_VARIABLE, "").strip()
    meant_for = os.environ.get(ENDPOINT_VARIABLE, "").strip()
    if in_environment and (not meant_for or normal_endpoint(meant_for) == endpoint):
        return Credential(endpoint, in_environment, f"the environment ({TOKEN_VARIABLE})")
    return saved_credentials().get(endpoint)


def get_credential(endpoint: str) -> Credential:
    """Return the token for a server.

    :raises NotSignedInError: saying where it was looked for.
    """
    found = find_credential(endpoint)
    if found is None:
        raise NotSignedInError(
            f"No credential for {endpoint}: {TOKEN_VARIABLE} is not set (or {ENDPOINT_VARIABLE} names another server) "
            f"and {credentials_path()} has none. Run `mlportal login {endpoint}`."
        )
    return found


def saved_credentials() -> dict[str, Credential]:
    """Return what `mlportal login` saved, by endpoint.

    :raises ConfigError: if the file cannot be read.
    """
    path = credentials_path()
    try:
        saved = read_json(path)
        return {
            endpoint: Credential(endpoint, row["token"], str(path), row.get("username", ""), row.get("expires_at"))
            for endpoint, row in saved.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}). Remove it and run `mlportal login` again.") from None


def save_credential(*, endpoint: str, token: str, username: str = "", expires_at: str | None = None) -> Path:
    """Keep a token for a server and return the file; what is kept for other servers stays."""
    kept = {
        name: {"token": one.token, "username": one.username, "expires_at": one.expires_at}
        for name, one in saved_credentials().items()
    }
    kept[endpoint] = {"token": token, "username": username, "expires_at": expires_at}
    write_private_json(credentials_path(), kept)
    return credentials_path()


def forget_credential(endpoint: str) -> bool:
    """Remove the token kept for a server; tell whether there was one."""
    kept = saved_credentials()
    if kept.pop(endpoint, None) is None:
        return False
    rows = {
        name: {"token": one.token, "username": one.username, "expires_at": one.expires_at} for name, one in kept.items()
    }
    write_private_json(credentials_path(), rows)
    return True
