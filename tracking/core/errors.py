"""What can go wrong, as the user reads it: one class a reason, none of them knows HTTP."""


class TrackingError(Exception):
    """A request that cannot be carried out; its text is for the person who sent it."""


class InvalidParameterError(TrackingError):
    """A value breaks a rule; the text names the field and the value."""


class FilterError(InvalidParameterError):
    """A search filter or an order clause does not parse.

    ``text`` is what was given, ``column`` the 0-based offset in it where the trouble starts.
    """

    def __init__(self, message: str, *, text: str, column: int) -> None:
        super().__init__(message)
        self.text = text
        self.column = column


class NotFoundError(TrackingError):
    """The object does not exist, or the asker may not know that it does."""


class AlreadyExistsError(TrackingError):
    """A name is taken."""


class InvalidStateError(TrackingError):
    """The object exists and is in a state that forbids the change."""


class ConflictError(TrackingError):
    """Another operation holds the object."""


class UnauthenticatedError(TrackingError):
    """No credential, or one that is unknown, expired or revoked."""


class UnknownCredentialError(UnauthenticatedError):
    """A credential that is none of ours: perhaps a guess."""


class PermissionDeniedError(TrackingError):
    """The asker may see the object and may not do this to it."""


class QuotaExceededError(TrackingError):
    """What was asked for would take a workspace or the server over its limit; asking again does not help."""


class TooLargeError(TrackingError):
    """The request's body is over the limit."""


class TooManyTriesError(TrackingError):
    """Something that can be guessed was tried too often; ``retry_after_s`` says how long to wait."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnavailableError(TrackingError):
    """A passing trouble: the same request may succeed later."""


class NotImplementedHereError(TrackingError):
    """MLflow has it and this server does not."""
