"""Where datastores may lead: not into the server's own folders, and not to services that only the server reaches.

Both are asked when a datastore is registered and each time it is opened, because links and names may change meanwhile.
"""

import ipaddress
import socket
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from tracking.core.errors import InvalidParameterError, UnavailableError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_folder(text: str) -> Path:
    """Return a folder of the server that a datastore may be, with links resolved.

    :raises InvalidParameterError: if it does not lie below one of DATASTORE_ROOTS, or is no folder.
    """
    if not settings.DATASTORE_ROOTS:
        raise InvalidParameterError(
            "This server takes no local datastores: PORTAL_DATASTORE_ROOTS names the folders where they may be, and it "
            "is empty. Register one of kind s3 or azure_blob, or ask who runs the server."
        )
    try:
        folder = Path(text).resolve(strict=True) if text.startswith("/") else None
    except (OSError, ValueError, RuntimeError):
        folder = None
    # Nothing is said of folders outside, not even whether they exist.
    if folder is None or not any(folder.is_relative_to(root.resolve()) for root in settings.DATASTORE_ROOTS):
        roots = ", ".join(map(str, settings.DATASTORE_ROOTS))
        raise InvalidParameterError(
            f"Invalid value {text[:200]!r} for config.path: it must be the absolute path of a folder that exists, in "
            f"one of {roots} (PORTAL_DATASTORE_ROOTS)."
        )
    if not folder.is_dir():
        raise InvalidParameterError(f"Invalid value {text[:200]!r} for config.path: it is not a folder.")
    own = [path.resolve() for path in settings.OWN_PLACES]
    if any(folder.is_relative_to(path) or path.is_relative_to(folder) for path in own):
        raise InvalidParameterError(f"Invalid value {text[:200]!r} for config.path: the server's own data is there.")
    return folder


def check_endpoint(url: str) -> None:
    """Refuse an address that only the server reaches, unless PORTAL_DATASTORE_PRIVATE_ENDPOINTS has it.

    Only those may go without TLS: an endpoint that is reached over https cannot redirect to plain http.

    :raises InvalidParameterError: if the URL is malformed or leads to such an address.
    :raises UnavailableError: if its host has no address now.
    """
    shown = f"Invalid value {url[:200]!r} for config.endpoint:"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host or parts.scheme not in ("http", "https") or parts.username or parts.query or parts.fragment:
        raise InvalidParameterError("config.endpoint must look like https://s3.example.org, without user, ? and #.")
    addresses = _addresses(host, port or (443 if parts.scheme == "https" else 80))
    outside = [address for address in addresses if not _is_allowed(address)]
    if any(not address.is_global or address.is_multicast for address in outside):
        raise InvalidParameterError(
            f"{shown} it leads to a private, loopback or link-local address. Who runs the server can allow it: "
            "PORTAL_DATASTORE_PRIVATE_ENDPOINTS."
        )
    if parts.scheme == "http" and outside:
        raise InvalidParameterError(f"{shown} it must start with https://.")


def _addresses(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UnavailableError(f"No address is known for the host {host[:200]!r} of config.endpoint.") from None
    return [_plain(ipaddress.ip_address(str(address[0]).partition("%")[0])) for *_, address in found]


def _plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for: mapped, 6to4 or NAT64's well-known prefix."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _is_allowed(address: Address) -> bool:
    return any(address in network for network in settings.DATASTORE_PRIVATE_ENDPOINTS)
