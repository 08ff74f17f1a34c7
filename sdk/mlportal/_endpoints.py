"""Addresses of servers, written one way."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from mlportal.errors import ConfigError


def normal_endpoint(text: str) -> str:
    """Return the address of a server as it is compared and kept: no user, no query, no slash at its end.

    What follows ``/w/`` is cut off, so that a tracking URI or the address of a page does too.

    :raises ConfigError: if it is not http(s)://HOST.
    """
    parts = urlsplit(text.strip())
    try:
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port = "", None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"{text[:200]!r} is not the address of a server; one looks like https://ml.example.org.")
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    path = parts.path.partition("/w/")[0].rstrip("/")
    return urlunsplit((parts.scheme, host, path, "", ""))
