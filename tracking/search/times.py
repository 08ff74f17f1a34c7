"""Times as people write them in a filter: dates, and ages."""

import re
from datetime import UTC, datetime, timedelta

from tracking.core.clock import EPOCH

DATE = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
AGE = r"[0-9]{1,6}[mhdw]"
_DATE, _AGE = re.compile(DATE), re.compile(AGE)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def read_time(text: str, now: datetime) -> float | None:
    """Return the milliseconds since 1970 that a date or an age means, None if it is neither.

    A date is its first moment; without an offset it is UTC. An age is that long before ``now``.
    """
    if _AGE.fullmatch(text):
        return (now - EPOCH - int(text[:-1]) * _UNITS[text[-1]]) / timedelta(milliseconds=1)
    if not _DATE.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:  # the 31st of February
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH) / timedelta(milliseconds=1)
