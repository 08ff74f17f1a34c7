"""Writing the audit log."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from tracking.audit import chain
from tracking.audit.models import AuditEvent, AuditSeal
from tracking.audit.origin import origin

if TYPE_CHECKING:
    from tracking.identity.models import User

INSTALLATION = "(installation)"
DONE = "done"


def record(*, by: "User | None", verb: str, target: str, at: datetime, result: str = DONE) -> None:
    """Write one event in the caller's transaction. ``by`` None: the installation itself. One query.

    ``verb`` is ``<kind>.<what was done>``. Where the request came from is known already (audit.origin).
    """
    came_from = origin()
    AuditEvent.objects.create(
        at=at,
        by=by,
        by_name=by.get_username() if by else INSTALLATION,
        token_id=came_from.token_id,
        address=came_from.address[:64],
        request_id=came_from.request_id,
        kind=verb.partition(".")[0],
        verb=verb,
        target=target[:1000],
        result=result[:200],
    )


@transaction.atomic
def seal(*, now: datetime) -> int:
    """Add the next thousand events to the chain, and return how many there were. Four statements.

    Apart from the changes themselves: a link holds the one before, and changes must not wait for each other.

    :raises IntegrityError: if somebody else is sealing at this moment; nothing is done then.
    """
    last = AuditSeal.objects.order_by("number").last()
    number, before = (last.number, last.hash) if last else (0, chain.FIRST)
    found = chain.unsealed().filter(pk__gt=chain.newest_sealed() - chain.WINDOW)[: chain.AT_ONCE]
    seals = []
    for event in found:
        number, before = number + 1, chain.link(event=event, before=before)
        seals.append(AuditSeal(number=number, event_id=event.pk, hash=before, sealed_at=now))
    AuditSeal.objects.bulk_create(seals)
    return len(seals)
