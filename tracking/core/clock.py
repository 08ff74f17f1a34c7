"""Time: aware UTC inside, milliseconds since 1970 at the MLflow edge."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
LAST_MS = int((datetime(9999, 12, 31, tzinfo=UTC) - EPOCH).total_seconds() * 1000)


def utc_now() -> datetime:
    """Return the present, aware, in UTC. For the edges (web, api, commands, tasks): services are given the time."""
    return datetime.now(UTC)


def to_ms(at: datetime | None) -> int | None:
    """Return whole milliseconds since 1970, None for None."""
    return None if at is None else (at - EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """Return the moment ``ms`` milliseconds after 1970; 0 <= ms <= LAST_MS."""
    return EPOCH + timedelta(milliseconds=ms)
