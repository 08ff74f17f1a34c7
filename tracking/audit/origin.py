"""Where the change came from that is being made: set by the edge once a request, read by every event."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """A request: whence, its id in the logs, and the token that came with it (None: a session, or a command).

    ``agent``: what the program that sent it calls itself.
    """

    address: str = ""
    request_id: str = ""
    agent: str = ""
    token_id: int | None = None


_origin: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039  (it is frozen)


@contextmanager
def originating(*, address: str, request_id: str, agent: str) -> Iterator[None]:
    """Say where the changes of the block come from."""
    token = _origin.set(Origin(address=address, request_id=request_id, agent=agent))
    try:
        yield
    finally:
        _origin.reset(token)


def note_token(token_id: int | None) -> None:
    """Add with which token the request came; until the block ends."""
    now = _origin.get()
    _origin.set(Origin(now.address, now.request_id, now.agent, token_id))


def origin() -> Origin:
    """Return where the present change comes from."""
    return _origin.get()
