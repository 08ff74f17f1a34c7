"""Celery entrances of this room."""

from contextlib import suppress

from celery import shared_task
from django.db import IntegrityError

from tracking.audit import services
from tracking.core.clock import utc_now


@shared_task(name="audit.seal")  # type: ignore[untyped-decorator]
def seal(**_: object) -> None:
    """Add what happened since the last time to the chain."""
    with suppress(IntegrityError):  # somebody else is at it
        while services.seal(now=utc_now()):
            pass
