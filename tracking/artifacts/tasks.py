"""Celery entrances of this room."""

from celery import shared_task

from tracking.artifacts import services
from tracking.core.clock import utc_now


@shared_task(name="artifacts.sweep_partials")  # type: ignore[untyped-decorator]
def sweep_partials(**_: object) -> None:
    """Remove what dead uploads left."""
    services.sweep_partials(now=utc_now())
