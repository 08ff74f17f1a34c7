"""Writing the audit log."""

from datetime import datetime
from typing import TYPE_CHECKING

from tracking.audit.models import AuditEvent

if TYPE_CHECKING:
    from tracking.identity.models import User

INSTALLATION = "(installation)"


def record(*, by: "User | None", verb: str, target: str, at: datetime) -> None:
    """Write one event in the caller's transaction. ``by`` None: the installation itself. One query."""
    AuditEvent.objects.create(
        at=at, by=by, by_name=by.get_username() if by else INSTALLATION, verb=verb, target=target[:1000]
    )
