"""Celery entrances of this room."""

from celery import shared_task

from tracking.metrics import services


@shared_task(name="metrics.compact")  # type: ignore[untyped-decorator]
def compact(*, run_id: int, **_: object) -> None:
    """Turn a run's segments into blocks."""
    while services.compact(run_id=run_id):
        pass


@shared_task(name="metrics.sweep")  # type: ignore[untyped-decorator]
def sweep(**_: object) -> None:
    """Compact what nobody was woken up for."""
    services.sweep()
