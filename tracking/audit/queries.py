"""Reading the audit log, newest first."""

from collections.abc import Iterator

from tracking.audit.models import AuditEvent
from tracking.audit.types import EventFilter, EventRow

EXPORT_CHUNK = 1_000


def list_events(*, filter_: EventFilter, before: int | None = None, limit: int) -> list[EventRow]:
    """Return events, newest first, that are older than the event ``before``. One query."""
    found = AuditEvent.objects.all()
    if before is not None:
        found = found.filter(pk__lt=before)
    if filter_.who:
        found = found.filter(by_name=filter_.who)
    if filter_.verb:
        found = found.filter(verb__startswith=filter_.verb)
    if filter_.target:
        found = found.filter(target__icontains=filter_.target)
    if filter_.since is not None:
        found = found.filter(at__gte=filter_.since)
    if filter_.until is not None:
        found = found.filter(at__lt=filter_.until)
    return [_row(event) for event in found.order_by("-pk")[:limit]]


def iterate_events(*, filter_: EventFilter) -> Iterator[EventRow]:
    """Yield every event, newest first. One query a thousand: none of them is long, and no more rows are in memory."""
    before: int | None = None
    while rows := list_events(filter_=filter_, before=before, limit=EXPORT_CHUNK):
        yield from rows
        before = rows[-1].event_id


def list_verbs() -> list[str]:
    """Return the verbs that occur, by name. One query."""
    return list(AuditEvent.objects.order_by("verb").values_list("verb", flat=True).distinct())


def _row(event: AuditEvent) -> EventRow:
    return EventRow(
        event_id=event.pk,
        at=event.at,
        who=event.by_name,
        token_id=event.token_id,
        address=event.address,
        verb=event.verb,
        target=event.target,
        result=event.result,
        request_id=event.request_id,
    )
