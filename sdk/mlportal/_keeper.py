"""A daemon thread that renews this process's tracking tokens at half of their lives."""

from __future__ import annotations

import logging
import os
import threading
import time
from datetime import datetime, timezone

from mlportal._credentials import find_credential
from mlportal._tokens import FILE_VARIABLE, TokenFile, TrackingToken
from mlportal.errors import MlportalError, ServerUnreachableError, UnavailableError

log = logging.getLogger("mlportal")
SHORTEST_SLEEP_S, LONGEST_SLEEP_S = 0.1, 15.0
LONGEST_PAUSE_S = 60.0
LOOK_AGAIN_S = 1.0
PASSING = (ServerUnreachableError, UnavailableError, OSError)


class Keeper:
    """Keeps tokens fresh in the file that the environment names. One a process; see ``keep``.

    Trouble is said once, as a warning of the logger ``mlportal``, and once more when it is over.
    """

    def __init__(self, file: TokenFile) -> None:
        self.file = file
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._credentials: dict[str, str | None] = {}
        self._troubled: dict[str, float] = {}
        self._try_again_at: dict[str, float] = {}
        self._refused: dict[str, str | None] = {}
        self._wake = threading.Event()
        threading.Thread(target=self._work, name="mlportal-tokens", daemon=True).start()

    def keep(self, token: TrackingToken, *, credential: str | None) -> None:
        """Put a token into the file and renew it from now on."""
        with self._lock:
            self.file.put(token)
            self._credentials[token.tracking_uri] = credential
            self._troubled.pop(token.tracking_uri, None)
            self._try_again_at.pop(token.tracking_uri, None)
        self._wake.set()

    def is_of_this_process(self) -> bool:
        """Tell whether its thread runs here: a forked child has the object without the thread."""
        return self._pid == os.getpid()

    def _work(self) -> None:
        while True:
            self._wake.clear()
            with self._lock:
                kept = dict(self._credentials)
            tokens = self.file.tokens()
            for uri, credential in kept.items():
                if uri in tokens and tokens[uri].is_due() and self._may_try(tokens[uri], credential):
                    self._renew(tokens[uri], credential)
            self._wake.wait(self._sleep_s(kept))

    def _sleep_s(self, kept: dict[str, str | None]) -> float:
        tokens = self.file.tokens()
        due = [
            max(tokens[uri].renew_at_s - time.time(), self._try_again_at.get(uri, 0) - time.monotonic())
            for uri in kept
            if uri in tokens
        ]
        longest_s = LOOK_AGAIN_S if self._refused else LONGEST_SLEEP_S  # somebody may sign in at any time
        return max(SHORTEST_SLEEP_S, min([longest_s, *due]))

    def _may_try(self, token: TrackingToken, credential: str | None) -> bool:
        """Tell whether to ask the server: after a refusal when there is another credential, else when it is time."""
        uri = token.tracking_uri
        if uri in self._refused and self._refused[uri] != _credential(token, credential):
            return True
        return time.monotonic() >= self._try_again_at.get(uri, 0)

    def _renew(self, token: TrackingToken, credential: str | None) -> None:
        uri = token.tracking_uri
        try:
            self.file.refresh(token, credential=credential)
        except (MlportalError, OSError) as error:
            if uri not in self._troubled:
                log.warning("%s", _trouble(token, error))
            lasts_s = time.monotonic() - self._troubled.setdefault(uri, time.monotonic())
            is_passing = isinstance(error, PASSING)
            pause_s = min(LONGEST_PAUSE_S, token.life_s / 20, 1 + lasts_s) if is_passing else LONGEST_PAUSE_S
            self._try_again_at[uri] = time.monotonic() + pause_s
            if not is_passing:
                self._refused[uri] = _credential(token, credential)
        else:
            self._try_again_at.pop(uri, None)
            self._refused.pop(uri, None)
            if self._troubled.pop(uri, None) is not None:
                log.warning("Logging to %s goes on: its token is renewed again.", uri)


_keeper: Keeper | None = None
_starting = threading.Lock()


def keep(token: TrackingToken, *, credential: str | None) -> None:
    """Keep a token fresh for this process and its children as long as this process lives.

    ``credential``: the access token that was given in code; None: the one found in the environment or saved by login.
    Sets MLPORTAL_TOKEN_FILE.
    """
    global _keeper
    with _starting:
        if _keeper is None or not _keeper.is_of_this_process():
            _keeper = Keeper(TokenFile.create())
        os.environ[FILE_VARIABLE] = str(_keeper.file.path)
        _keeper.keep(token, credential=credential)


def _credential(token: TrackingToken, credential: str | None) -> str | None:
    """Return the access token that would be used now."""
    if credential is not None:
        return credential
    try:
        found = find_credential(token.endpoint)
    except MlportalError:  # the file is being mended, perhaps
        return None
    return None if found is None else found.token


def _trouble(token: TrackingToken, error: Exception) -> str:
    until = datetime.fromtimestamp(token.expires_at_s, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    present = f"The present one is good until {until}." if token.left_s() > 0 else f"The last one expired at {until}."
    if isinstance(error, PASSING):
        return f"The token for {token.tracking_uri} could not be renewed ({error}). {present} Trying on."
    return (
        f"The token for {token.tracking_uri} is renewed no more: {error} {present} "
        f"`mlportal login {token.endpoint}` in another terminal mends this without a restart."
    )
