"""The plugin that MLflow asks for credentials where MLFLOW_TRACKING_AUTH=mlportal: entry point of this package.

It adds the token of the file that MLPORTAL_TOKEN_FILE names, to requests for that token's workspace and to no others.
Reading the file for each request is what lets a child process, which has the environment of the time it was started,
log for days. Where nobody renews the file any more, because the parent has ended, the child does it.
"""

from __future__ import annotations

from typing import Any

from mlportal._tokens import TokenFile, TrackingToken
from mlportal.errors import MlportalError

NAME = "mlportal"


class TrackingAuthProvider:
    """What MLflow's registry of ``mlflow.request_auth_provider`` holds."""

    def get_name(self) -> str:
        """Return the value of MLFLOW_TRACKING_AUTH that means this plugin."""
        return NAME

    def get_auth(self) -> TrackingAuth:
        """Return what signs a request."""
        return TrackingAuth()


class TrackingAuth:
    """Signs a ``requests`` request, and sends it again, once, with a fresh token if the server refuses it."""

    def __call__(self, request: Any) -> Any:
        """Sign a request that is about to be sent."""
        file = TokenFile.of_environment()
        token = file.find(request.url) if file else None
        if file is not None and token is not None:
            used = _freshest(file, token)
            _sign(request, used)
            request.register_hook("response", _SendAgain(file, used, request.body))
        return request


class _SendAgain:
    """A hook of one request. ``used``: the token it was signed with; ``body``: rewound to where it stood."""

    def __init__(self, file: TokenFile, used: TrackingToken, body: Any) -> None:
        self._file = file
        self._used = used
        self._begin = body.tell() if hasattr(body, "tell") and hasattr(body, "seek") else None
        self._was_sent = False

    def __call__(self, response: Any, **sending: Any) -> Any:
        if response.status_code != 401 or self._was_sent:
            return response
        self._was_sent = True
        try:
            fresh = self._file.refresh(self._used, is_refused=True)
        except (MlportalError, OSError):
            return response  # what the server said about the token is the best there is to say
        again = response.request.copy()
        if self._begin is not None:
            again.body.seek(self._begin)
        elif again.body is not None and not isinstance(again.body, (str, bytes)):
            return response
        response.raw.close()  # the server may not have read the body: what is sent again goes by a new connection
        _sign(again, fresh)
        answer = response.connection.send(again, **sending)
        answer.history.append(response)
        answer.request = again
        return answer


def _sign(request: Any, token: TrackingToken) -> None:
    request.headers["Authorization"] = f"Bearer {token.token}"


def _freshest(file: TokenFile, token: TrackingToken) -> TrackingToken:
    """Return the token; renewed first if it is overdue, which says that its keeper is gone."""
    if not token.is_overdue():
        return token
    try:
        return file.refresh(token)
    except (MlportalError, OSError):
        return token  # sent as it is: it may still be valid, and if not, the server's answer says so
