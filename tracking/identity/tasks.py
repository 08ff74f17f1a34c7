"""Celery entrances of this room."""

from celery import shared_task

from tracking.core.clock import utc_now
from tracking.identity import services


@shared_task(name="identity.forget_expired")  # type: ignore[untyped-decorator]
def forget_expired(**_: object) -> None:
    """Forget credentials that nobody can use any more."""
    services.forget_expired(now=utc_now())
