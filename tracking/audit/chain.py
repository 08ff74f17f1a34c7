"""The chain that holds the audit log together: each link is a hash of an event and of the link before it.

Who changes, removes or adds an event in the database leaves a link that does not fit. Who rewrites the chain from there
on changes its head: it is worth writing down elsewhere now and then (``manage.py check_audit`` prints it).
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Exists, Max, OuterRef, QuerySet

from tracking.audit.models import AuditEvent, AuditSeal
from tracking.audit.types import ChainReport

FIRST = ""
AT_ONCE = 1_000
WINDOW = 10_000
"""How many ids back from the newest sealed event one may still be unsealed: transactions end in another order."""

LATE = timedelta(minutes=10)  # no transaction takes so long: what comes out of its order and is older was added
MAX_PROBLEMS = 100


def link(*, event: AuditEvent, before: str) -> str:
    """Return the hash that seals an event after the link ``before``."""
    content = [
        event.pk,
        event.at.isoformat(),
        event.by_id,
        event.by_name,
        event.token_id,
        event.address,
        event.request_id,
        event.kind,
        event.verb,
        event.target,
        event.result,
    ]
    return hashlib.sha256(f"{before}\n{json.dumps(content)}".encode()).hexdigest()


def unsealed() -> "QuerySet[AuditEvent]":
    """Return the events that have no link, in order."""
    sealed = AuditSeal.objects.filter(event_id=OuterRef("pk"))
    return AuditEvent.objects.filter(~Exists(sealed)).order_by("pk")


def newest_sealed() -> int:
    """Return the greatest id of a sealed event, 0 if there is none."""
    return AuditSeal.objects.aggregate(newest=Max("event_id"))["newest"] or 0


def check(*, head: str = "") -> ChainReport:
    """Look at every event and every link. ``head``: one that must be among the links. Two queries a thousand events."""
    problems: list[str] = []
    sealed, last, is_head_met = 0, AuditSeal(hash=FIRST, number=0), not head
    newest: AuditEvent | None = None
    for seal, event in _links():
        sealed += 1
        problems += _problems_of(seal, event, last, newest)
        if event is not None and (newest is None or event.pk > newest.pk):
            newest = event
        is_head_met = is_head_met or seal.hash == head
        last = seal
        if len(problems) >= MAX_PROBLEMS:
            break
    gone_past = newest_sealed() - WINDOW
    added = unsealed().filter(pk__lte=gone_past)[:MAX_PROBLEMS]
    problems += [f"Event {event.pk} ({_spoken(event)}) was added: the chain went past it long ago." for event in added]
    if not is_head_met:
        problems.append(f"No link of the chain is {head}: events before it were changed, or the chain was cut short.")
    waiting = unsealed().filter(pk__gt=gone_past).count()
    return ChainReport(sealed, waiting, last.hash, tuple(problems[:MAX_PROBLEMS]))


def _problems_of(
    seal: AuditSeal, event: AuditEvent | None, before: AuditSeal, newest: AuditEvent | None
) -> Iterator[str]:
    if seal.number != before.number + 1:
        yield f"Links {before.number + 1} to {seal.number - 1} of the chain are missing."
    if event is None:
        yield f"Event {seal.event_id} is missing: it was sealed at {seal.sealed_at:%Y-%m-%d %H:%M:%S} UTC."
    elif seal.number == before.number + 1 and seal.hash != link(event=event, before=before.hash):
        yield f"Event {event.pk} ({_spoken(event)}) is not what was sealed: it, or the link before it, was changed."
    elif newest is not None and event.pk < newest.pk and event.at < newest.at - LATE:
        yield f"Event {event.pk} ({_spoken(event)}) was added: younger ones were sealed before it."


def _spoken(event: AuditEvent) -> str:
    return f"{event.at:%Y-%m-%d %H:%M:%S} UTC {event.by_name} {event.verb} {event.target[:60]}"


def _links() -> Iterator[tuple[AuditSeal, AuditEvent | None]]:
    after = 0
    while seals := list(AuditSeal.objects.filter(number__gt=after).order_by("number")[:AT_ONCE]):
        events = AuditEvent.objects.in_bulk([seal.event_id for seal in seals])
        yield from ((seal, events.get(seal.event_id)) for seal in seals)
        after = seals[-1].number
