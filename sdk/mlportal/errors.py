"""What can go wrong. Every error carries ``code`` (the server's word for it, or ours) and ``status`` (HTTP's)."""

from __future__ import annotations

from typing import ClassVar


class MlportalError(Exception):
    """Anything this package raises; its text says what to do."""

    default_code: ClassVar[str] = "ERROR"

    def __init__(
        self, message: str, *, code: str | None = None, status: int | None = None, retry_after_s: float = 0.0
    ) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.status = status
        self.retry_after_s = retry_after_s


class ConfigError(MlportalError):
    """No config.json, one that cannot be read, or no server address."""

    default_code = "CONFIG"


class InvalidError(MlportalError):
    """A value that the server refused (400)."""

    default_code = "INVALID_PARAMETER_VALUE"


class AlreadyExistsError(MlportalError):
    """A name is taken."""

    default_code = "RESOURCE_ALREADY_EXISTS"


class NotSignedInError(MlportalError):
    """No credential, or one that is unknown, revoked or expired (401)."""

    default_code = "UNAUTHENTICATED"


class PermissionDeniedError(MlportalError):
    """The role, the token's scopes or a lock do not allow it (403)."""

    default_code = "PERMISSION_DENIED"


class NotFoundError(MlportalError):
    """It does not exist, or you may not know that it does (404)."""

    default_code = "RESOURCE_DOES_NOT_EXIST"


class ConflictError(MlportalError):
    """A lock, a deletion or a running thing holds it (409)."""

    default_code = "RESOURCE_CONFLICT"


class UnavailableError(MlportalError):
    """The server was asked again for a while and stayed busy or broken (429, 5xx)."""

    default_code = "TEMPORARILY_UNAVAILABLE"


class ServerUnreachableError(MlportalError):
    """No answer: no such host, nothing listens there, a time-out, a broken connection."""

    default_code = "UNREACHABLE"


class NotMlportalError(MlportalError):
    """Something answered that is not an mlportal server: a wrong address, or a proxy in between."""

    default_code = "NOT_MLPORTAL"


class RunFailedError(MlportalError):
    """A run that was waited for failed or was cancelled."""

    default_code = "RUN_FAILED"


class DeletionFailedError(MlportalError):
    """A deletion that was waited for stopped before its end; ``retry()`` goes on where it stopped."""

    default_code = "DELETION_FAILED"


class TimedOutError(MlportalError):
    """What was waited for did not happen in the time that was given."""

    default_code = "TIMED_OUT"


def error_from_answer(*, status: int, code: str, message: str, retry_after_s: float = 0.0) -> MlportalError:
    """Return the error that stands for an answer of the server."""
    kind: type[MlportalError]
    if code == "RESOURCE_ALREADY_EXISTS":
        kind = AlreadyExistsError
    elif status >= 500 or status == 429:
        kind = UnavailableError
    else:
        kind = {
            401: NotSignedInError,
            403: PermissionDeniedError,
            404: NotFoundError,
            409: ConflictError,
        }.get(status, InvalidError)
    return kind(message, code=code, status=status, retry_after_s=retry_after_s)
