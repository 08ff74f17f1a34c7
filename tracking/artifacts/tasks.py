"""Celery entrances of this room."""

from celery import shared_task

from tracking.artifacts import services
from tracking.core.clock import utc_now


@shared_task(name="artifacts.measure_usage")  # type: ignore[untyped-decorator]
def measure_usage(**_: object) -> None:
    """Measure what workspaces hold."""
    services.measure_usage(now=utc_now())


@shared_task(name="artifacts.sweep_partials")  # type: ignore[untyped-decorator]
def sweep_partials(**_: object) -> None:
    """Remove what dead uploads left."""
    services.sweep_partials(now=utc_now())
