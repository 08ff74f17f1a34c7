"""Times of the REST API: ISO 8601 in, aware UTC out."""

from __future__ import annotations

from datetime import datetime, timezone


def parse_time(text: object) -> datetime | None:
    """Return an aware UTC time; None for None."""
    if text is None:
        return None
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")).astimezone(timezone.utc)  # 3.9 knows no Z
