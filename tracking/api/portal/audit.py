"""``audit``: who did what; for the server's owners."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from django.http import StreamingHttpResponse

from tracking.api.base import endpoint
from tracking.api.portal import person_shapes as shapes
from tracking.api.portal.base import Call, Listing, page_size
from tracking.audit.queries import iterate_events, list_events
from tracking.audit.types import EventFilter, EventRow
from tracking.core.csv import csv_lines
from tracking.core.errors import InvalidParameterError
from tracking.core.pages import decode_token, encode_token

COLUMNS = tuple(EventRow.__dataclass_fields__)


class ListEvents(Listing):
    """By whom, verbs that begin with, targets that contain; ``since`` (included) and ``until`` are ISO-8601."""

    who: str | None = None
    verb: str | None = None
    target: str | None = None
    since: str | None = None
    until: str | None = None


@endpoint(ListEvents)
def list(call: Call, body: ListEvents) -> shapes.Events:
    """Return events, newest first."""
    limit = page_size(body)
    found = list_events(filter_=_filter(body), before=_before(body.page_token), limit=limit + 1)
    rows = found[:limit]
    token = encode_token((rows[-1].event_id,)) if len(found) > limit else None
    return shapes.Events([shapes.Event(**row.fields()) for row in rows], token)  # type: ignore[arg-type]


@endpoint(ListEvents)
def export_csv(call: Call, body: ListEvents) -> StreamingHttpResponse:
    """Return every event of the filter as CSV, newest first; no cell is a formula."""
    rows = ([*row.fields().values()] for row in iterate_events(filter_=_filter(body)))
    return _attachment(csv_lines(COLUMNS, rows), "audit.csv", "text/csv; charset=utf-8")


@endpoint(ListEvents)
def export_jsonl(call: Call, body: ListEvents) -> StreamingHttpResponse:
    """Return every event of the filter as JSON lines, newest first."""
    lines = (msgspec.json.encode(row.fields()) + b"\n" for row in iterate_events(filter_=_filter(body)))
    return _attachment(lines, "audit.jsonl", "application/jsonl")


def _attachment(lines: Iterator[str] | Iterator[bytes], name: str, kind: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(lines, content_type=kind, headers=headers)


def _filter(body: ListEvents) -> EventFilter:
    return EventFilter(
        who=body.who or "",
        verb=body.verb or "",
        target=body.target or "",
        since=_moment("since", body.since),
        until=_moment("until", body.until),
    )


def _moment(field: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidParameterError(
            f"{field}={text[:80]!r} must be a moment like 2026-01-31T12:00:00Z, or a day."
        ) from None


def _before(token: str | None) -> int | None:
    if not token:
        return None
    (event_id,) = decode_token(token, length=1)
    if not isinstance(event_id, int) or not 0 <= event_id < 2**63:
        raise InvalidParameterError("The page token is none of this list's. Ask for the first page again.")
    return event_id
