"""Tracking tokens: made, renewed, and kept in a private file that this process and its children read.

Times are epoch seconds on this machine's clock. How long a token lives is reckoned on the server's clock (its ``Date``
header), so that neither a time zone nor a clock that is wrong makes a token seem older or younger than it is.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from mlportal._credentials import find_credential
from mlportal._files import read_json, write_private_json
from mlportal._transport import Transport, quoted
from mlportal.errors import MlportalError, NotSignedInError, PermissionDeniedError

if sys.platform != "win32":
    import fcntl

FILE_VARIABLE = "MLPORTAL_TOKEN_FILE"
LONGEST_LIFE_S = 3600
FORGET_AFTER_S = 24 * 3600
QUICK = httpx.Timeout(15, connect=5)


@dataclass(frozen=True)
class TrackingToken:
    """A token for the tracking API of one workspace.

    ``life_s``: what was asked for; ``renew_at_s``, when half of what was given is over, and ``expires_at_s``: epoch
    seconds.
    """

    endpoint: str
    workspace: str
    token: str
    renew_at_s: float
    expires_at_s: float
    life_s: int

    @property
    def tracking_uri(self) -> str:
        """The address that the token is good for."""
        return f"{self.endpoint}/{quoted('w', self.workspace)}"

    def left_s(self) -> float:
        """Return how many seconds it is valid from now on; negative if it has expired."""
        return self.expires_at_s - time.time()

    def is_due(self) -> bool:
        """Tell whether it is time to renew it."""
        return time.time() >= self.renew_at_s

    def is_overdue(self) -> bool:
        """Tell whether it ought to have been renewed a while ago, so that nobody seems to keep it."""
        return time.time() >= (self.renew_at_s + self.expires_at_s) / 2

    def is_for(self, url: str) -> bool:
        """Tell whether a request to ``url`` may carry it: the same server, the same workspace."""
        return url == self.tracking_uri or url.startswith((f"{self.tracking_uri}/", f"{self.tracking_uri}?"))

    def __repr__(self) -> str:
        """Return everything but the secret."""
        return f"TrackingToken({self.tracking_uri!r}, expires_at_s={self.expires_at_s:.0f})"


def mint(transport: Transport, *, workspace: str, life_s: int) -> TrackingToken:
    """Make a token with the credential of ``transport``."""
    response = transport.send("POST", f"api/v1/workspaces/{quoted(workspace)}/tracking-uri", json={"life_s": life_s})
    return _token_from(response, endpoint=transport.endpoint, workspace=workspace, life_s=life_s)


def refresh(old: TrackingToken, *, credential: str | None = None) -> TrackingToken:
    """Return a token that lives a full life from now: the old one renewed, else a new one of this user's credential.

    Asks once, and briefly: whoever calls it has another chance. ``credential``: an access token given in code.

    :raises ServerUnreachableError, UnavailableError: if it may work later.
    :raises NotSignedInError: if the old one cannot be renewed and no credential makes a new one.
    """
    try:
        return _renew(old)
    except (NotSignedInError, PermissionDeniedError) as error:
        if credential is None and find_credential(old.endpoint) is None:
            raise
        refused = error
    transport = Transport(old.endpoint, token=credential, patience_s=0, timeout=QUICK)
    try:
        return mint(transport, workspace=old.workspace, life_s=old.life_s)
    except NotSignedInError as error:
        raise NotSignedInError(f"{error} (The tracking token: {refused})", status=error.status) from None
    finally:
        transport.close()


class TokenFile:
    """A file of tokens, one a tracking URI; 0600. Reading it costs a ``stat`` while it does not change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._tokens: dict[str, TrackingToken] = {}

    @classmethod
    def of_environment(cls) -> TokenFile | None:
        """Return the file that this process or a parent of it keeps, or None."""
        path = os.environ.get(FILE_VARIABLE)
        return cls(Path(path)) if path else None

    @classmethod
    def create(cls) -> TokenFile:
        """Return a new, empty file of this process, in the user's cache folder, or in a temporary one."""
        cache = os.environ.get("XDG_CACHE_HOME")
        folder = (Path(cache) if cache else Path.home() / ".cache") / "mlportal"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _forget_old(folder)
            handle, name = tempfile.mkstemp(dir=folder, prefix="tracking-", suffix=".json")
        except OSError:
            handle, name = tempfile.mkstemp(dir=tempfile.mkdtemp(prefix="mlportal-"), suffix=".json")
        os.write(handle, b"{}")
        os.close(handle)
        return cls(Path(name))

    def tokens(self) -> dict[str, TrackingToken]:
        """Return the tokens by tracking URI; none if the file is gone or broken."""
        try:
            stat = self.path.stat()
            seen = (stat.st_mtime_ns, stat.st_ino)
            if seen != self._seen:
                rows = json.loads(self.path.read_text(encoding="utf-8"))
                self._tokens = {uri: TrackingToken(**row) for uri, row in rows.items()}
                self._seen = seen
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
        return self._tokens

    def find(self, url: str) -> TrackingToken | None:
        """Return the token for a request, or None."""
        return next((token for token in self.tokens().values() if token.is_for(url)), None)

    def put(self, token: TrackingToken) -> None:
        """Add a token or replace the one of the same tracking URI."""
        with self._locked():
            self._write(token)

    def refresh(self, old: TrackingToken, *, credential: str | None = None, is_refused: bool = False) -> TrackingToken:
        """Return a token fresher than ``old``: the one that another process has put meanwhile, else a refreshed one.

        ``is_refused``: the server does not take the old one, whatever its time. Raises what ``refresh`` raises.
        """
        with self._locked():
            current = self.tokens().get(old.tracking_uri, old)
            if current.token != old.token and not current.is_due():
                return current
            if is_refused:
                current = replace(current, expires_at_s=0)
            fresh = refresh(current, credential=credential)
            self._write(fresh)
            return fresh

    def _write(self, token: TrackingToken) -> None:
        rows: dict[str, Any] = read_json(self.path)
        rows[token.tracking_uri] = asdict(token)
        write_private_json(self.path, rows)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time change the file, where the system can."""
        if sys.platform == "win32":
            yield
            return
        with open(self.path.with_suffix(".lock"), "a", opener=_open_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _renew(old: TrackingToken) -> TrackingToken:
    if old.left_s() <= 0:
        raise NotSignedInError("It has expired.")
    transport = Transport(old.endpoint, token=old.token, patience_s=0, timeout=QUICK)
    try:
        response = transport.send(
            "POST", f"api/v1/workspaces/{quoted(old.workspace)}/tracking-uri/renew", json={"life_s": old.life_s}
        )
    finally:
        transport.close()
    return _token_from(response, endpoint=old.endpoint, workspace=old.workspace, life_s=old.life_s)


def _token_from(response: httpx.Response, *, endpoint: str, workspace: str, life_s: int) -> TrackingToken:
    try:
        answer = response.json()
        token, expires_at_s = str(answer["token"]), float(answer["expires_at_s"])
    except (ValueError, KeyError, TypeError) as error:
        raise MlportalError(f"The server's answer about a tracking token is not understood: {error}") from None
    left_s = expires_at_s - _server_time_s(response)
    now_s = time.time()
    return TrackingToken(endpoint, workspace, token, now_s + left_s / 2, now_s + left_s, life_s)


def _server_time_s(response: httpx.Response) -> float:
    try:
        return parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return time.time()


def _forget_old(folder: Path) -> None:
    """Remove files of processes that renewed nothing for a day: what is in them expired long ago."""
    for path in folder.glob("tracking-*"):
        try:
            if path.stat().st_mtime < time.time() - FORGET_AFTER_S:
                path.unlink()
        except OSError:
            continue
