"""Writing the audit log."""

from datetime import datetime
from typing import TYPE_CHECKING

from tracking.audit.models import AuditEvent
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
