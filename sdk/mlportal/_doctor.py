"""What may be wrong between this machine and a server: looked at one by one, each said in one sentence."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from mlportal._config import Config
from mlportal._credentials import find_credential
from mlportal._transport import Transport, quoted
from mlportal._version import API, __version__
from mlportal.errors import MlportalError, NotFoundError, NotSignedInError

OK, WARNING, FAILED = "ok", "warning", "failed"
SKEW_WARNS_S = 5.0
TIMEOUT = httpx.Timeout(10, connect=5)
GROUP = "mlflow.request_auth_provider"
REDIRECTED = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Check:
    """One thing looked at. ``state``: ok, warning or failed; ``finding`` says what is so and what to do."""

    check: str
    state: str
    finding: str


def examine(endpoint: str, config: Config | None) -> Iterator[Check]:
    """Yield what was found, in the order in which a request meets it; ends at the first thing that bars the way."""
    proxy = _proxy_for(endpoint)
    try:
        yield _proxy_check(endpoint, proxy)
        if proxy is None:
            yield _look_up(endpoint)
        answer, took_s = _ask(endpoint, proxy)
        server = _identify(endpoint, answer, proxy)
        yield Check("server", OK, f"{endpoint} is mlportal {server['version']}, it answered in {took_s * 1000:.0f} ms.")
        yield _compare_versions(server)
        yield _compare_clocks(server, took_s)
        yield from _sign_in(endpoint, config)
    except _Failed as failed:
        yield failed.check
    yield _look_at_mlflow()


class _Failed(Exception):
    def __init__(self, check: str, finding: str) -> None:
        super().__init__(finding)
        self.check = Check(check, FAILED, finding)


def _proxy_for(endpoint: str) -> str | None:
    """Return the proxy that the environment or the system has for a server, or None."""
    parts = urlsplit(endpoint)
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return None if not found or proxy_bypass(parts.netloc) else found


def _proxy_check(endpoint: str, proxy: str | None) -> Check:
    if proxy is None:
        return Check("proxy", OK, "No proxy stands between this machine and the server.")
    return Check("proxy", WARNING, f"Requests go through the proxy {_without_secret(proxy)}. {_bypass(endpoint)}")


def _look_up(endpoint: str) -> Check:
    host = urlsplit(endpoint).hostname or ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _Failed(
            "name", f"No machine is named {host!r} ({error}). Is the address right? Are you in the VPN it needs?"
        ) from None
    return Check("name", OK, f"{host} is {', '.join(sorted({str(one[4][0]) for one in found}))}.")


def _ask(endpoint: str, proxy: str | None) -> tuple[httpx.Response, float]:
    started = time.monotonic()
    try:
        answer = httpx.get(f"{endpoint}/api/v1/server", timeout=TIMEOUT)
    except httpx.TransportError as error:
        raise _Failed("server", _why_silent(endpoint, proxy, error)) from None
    return answer, time.monotonic() - started


def _why_silent(endpoint: str, proxy: str | None, error: httpx.TransportError) -> str:
    reason = str(error) or type(error).__name__
    if proxy is not None:
        beside = "Without the proxy the server answers. " if _answers_without_proxy(endpoint) else ""
        return f"The proxy {_without_secret(proxy)} lets nothing through ({reason}). {beside}{_bypass(endpoint)}"
    if _caused_by(error, ssl.SSLError):
        return (
            f"The certificate of {endpoint} is not trusted, or it speaks no TLS ({reason}). With a private "
            "authority set SSL_CERT_FILE (and REQUESTS_CA_BUNDLE for mlflow); is it perhaps http:// and not https://?"
        )
    if isinstance(error, httpx.TimeoutException):
        return f"{endpoint} does not answer in time: a firewall swallows the requests, or the server is overloaded."
    if isinstance(error, httpx.ConnectError):
        return f"Nothing listens at {endpoint} ({reason}). Is the server running, on this port?"
    return f"{endpoint} breaks the connection off ({reason}): it may speak another protocol (http, https?)."


def _answers_without_proxy(endpoint: str) -> bool:
    try:
        with httpx.Client(trust_env=False, timeout=TIMEOUT) as client:
            return bool(client.get(f"{endpoint}/api/v1/server").json()["name"] == "mlportal")
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False


def _identify(endpoint: str, answer: httpx.Response, proxy: str | None) -> dict[str, Any]:
    """Return what the server says it is, or say why it is none."""
    try:
        server: dict[str, Any] = answer.json()
        if answer.status_code == 200 and server["name"] == "mlportal":
            return server
        is_old = server.get("error_code") == "ENDPOINT_NOT_FOUND"
    except (ValueError, KeyError, TypeError, AttributeError):
        is_old = False
    if is_old:
        raise _Failed("version", f"{endpoint} is older than this client ({__version__}): it has no API {API}.")
    if proxy is not None and (answer.status_code in (403, 407, 502, 503, 504) or _answers_without_proxy(endpoint)):
        raise _Failed(
            "proxy",
            f"The proxy {_without_secret(proxy)} answers {answer.status_code} in the server's place. "
            f"{_bypass(endpoint)}",
        )
    if answer.status_code in REDIRECTED:
        to = answer.headers.get("location", "elsewhere")
        raise _Failed("server", f"{endpoint} sends on to {to[:200]}. Use the address that the portal's pages have.")
    if answer.status_code in (502, 503, 504):
        raise _Failed(
            "server", f"Something before the server answers {answer.status_code}: mlportal itself is down or starting."
        )
    kind = answer.headers.get("content-type", "nothing").partition(";")[0]
    raise _Failed(
        "server",
        f"{endpoint} is not mlportal: /api/v1/server answered {answer.status_code} with {kind}. The address is wrong; "
        "take the one in the browser's address bar, up to /w/.",
    )


def _compare_versions(server: dict[str, Any]) -> Check:
    theirs, api = str(server["version"]), str(server["api"])
    if api != API:
        raise _Failed(
            "version",
            f"This client ({__version__}) speaks API {API}, the server ({theirs}) API {api}. Install the client "
            f"of that version: pip install mlportal=={theirs}",
        )
    if theirs.split(".")[:2] != __version__.split(".")[:2]:
        return Check(
            "version",
            WARNING,
            f"The client is {__version__}, the server {theirs}: what only one of them knows does not work. "
            f"pip install mlportal=={theirs}",
        )
    return Check("version", OK, f"Client {__version__} and server {theirs} go together.")


def _compare_clocks(server: dict[str, Any], took_s: float) -> Check:
    ahead_s = time.time() - took_s / 2 - float(server["time_s"])
    if abs(ahead_s) > max(SKEW_WARNS_S, took_s):
        which = "ahead of" if ahead_s > 0 else "behind"
        return Check(
            "clock",
            WARNING,
            f"This machine's clock is {abs(ahead_s):.0f} s {which} the server's. Tokens are kept fresh all the same, "
            "but runs and points are dated wrongly: switch on NTP.",
        )
    return Check("clock", OK, "The clocks agree.")


def _sign_in(endpoint: str, config: Config | None) -> Iterator[Check]:
    credential = find_credential(endpoint)
    if credential is None:
        raise _Failed("credential", f"There is no token for {endpoint}. Run `mlportal login {endpoint}`.")
    transport = Transport(endpoint, token=credential.token, patience_s=0, timeout=TIMEOUT)
    try:
        me = transport.get("api/v1/me")
        expires = (me.get("token") or {}).get("expires_at") or "never"
        yield Check("credential", OK, f"You are {me['username']}, by {credential.source}; it expires {expires}.")
        if config is not None:
            yield _look_at_workspace(transport, config)
    except NotSignedInError as error:
        raise _Failed(
            "credential", f"The token of {credential.source} is refused: {error} Run `mlportal login {endpoint}`."
        ) from None
    except MlportalError as error:
        raise _Failed("credential", str(error)) from None
    finally:
        transport.close()


def _look_at_workspace(transport: Transport, config: Config) -> Check:
    try:
        found = transport.get(f"api/v1/workspaces/{quoted(config.workspace_name)}")
    except NotFoundError:
        return Check(
            "workspace",
            FAILED,
            f"config.json names workspace {config.workspace_name!r}, which this server does not have, or not for you.",
        )
    return Check("workspace", OK, f"You are {found['my_role']} in workspace {config.workspace_name!r}.")


def _look_at_mlflow() -> Check:
    try:
        version = metadata.version("mlflow")
    except metadata.PackageNotFoundError:
        try:
            version = metadata.version("mlflow-skinny")
        except metadata.PackageNotFoundError:
            return Check("mlflow", OK, "mlflow is not installed here; nothing but it needs it.")
    if not _is_plugin_registered():
        return Check(
            "mlflow",
            FAILED,
            f"mlflow {version} does not see this package's plugin: mlportal is on the path but not installed. "
            f"{sys.executable} -m pip install mlportal",
        )
    odd = [name for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME") if os.environ.get(name)]
    if odd:
        return Check(
            "mlflow",
            WARNING,
            f"{' and '.join(odd)} is set: mlflow uses it wherever get_mlflow_tracking_uri() was not called.",
        )
    return Check("mlflow", OK, f"mlflow {version} sees this package's plugin.")


def _is_plugin_registered() -> bool:
    points: Any = metadata.entry_points()
    group = points.select(group=GROUP) if hasattr(points, "select") else points.get(GROUP, ())  # 3.9 has a dict
    return any(point.name == "mlportal" for point in group)


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _bypass(endpoint: str) -> str:
    return f"If the server can be reached directly, set NO_PROXY={urlsplit(endpoint).hostname}."


def _without_secret(proxy: str) -> str:
    parts = urlsplit(proxy)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
