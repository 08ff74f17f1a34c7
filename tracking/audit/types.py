"""Words about the audit log."""

from dataclasses import asdict, dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events: by whom (exact), verbs that begin with ``verb``, targets that contain ``target``, since, before."""

    who: str = ""
    verb: str = ""
    target: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """One privileged change. ``token_id``: the token that it was asked with; None: a session, or a command."""

    event_id: int
    at: datetime
    who: str
    token_id: int | None
    address: str
    verb: str
    target: str
    result: str
    request_id: str

    def fields(self) -> dict[str, object]:
        """Return everything by name, in this order."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a look at the whole log found. ``problems``: a sentence each. ``head``: the newest link, "" without any.

    ``waiting``: events that are too young to be sealed.
    """

    sealed: int
    waiting: int
    head: str
    problems: tuple[str, ...]
