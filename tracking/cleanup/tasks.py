"""Celery entrances of this room."""

import os
import socket
import uuid

import structlog
from celery import shared_task

from tracking.cleanup import services
from tracking.cleanup.settings import keeping
from tracking.cleanup.types import Mode
from tracking.core.clock import utc_now

log = structlog.get_logger(__name__)


@shared_task(name="cleanup.advance")  # type: ignore[untyped-decorator]
def advance(*, deletion_id: int, **_: object) -> None:
    """Get on with a deletion."""
    owner = f"{socket.gethostname()[:30]}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
    try:
        services.advance(deletion_id=deletion_id, owner=owner, clock=utc_now)
    except Exception as error:  # whatever it is, it must be shown where the deletion is
        log.exception("deletion_did_not_get_on", deletion_id=deletion_id)
        services.note_failure(deletion_id=deletion_id, owner=owner, error=error, now=utc_now())


@shared_task(name="cleanup.sweep")  # type: ignore[untyped-decorator]
def sweep(**_: object) -> None:
    """Find deletions that nobody works on."""
    services.sweep(now=utc_now())


@shared_task(name="cleanup.look_for_orphans")  # type: ignore[untyped-decorator]
def look_for_orphans(**_: object) -> None:
    """Find files without rows and rows without files; to remove them takes an owner, who has seen what was found."""
    services.hunt_orphans(mode=Mode.LOOK, by=None, now=utc_now())


@shared_task(name="cleanup.empty_trash")  # type: ignore[untyped-decorator]
def empty_trash(**_: object) -> None:
    """Remove what lies in the trash for too long."""
    services.empty_trash(keeping=keeping(), now=utc_now())
