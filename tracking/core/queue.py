"""Waking workers up. The database knows what is to be done; a message only says that it can be done now."""

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def enqueue(task: str, **arguments: int | str) -> None:
    """Send a task to the workers once the caller's transaction has been committed.

    A message that cannot be sent is logged and nothing else: every task's work is also found by a sweeper.
    """
    transaction.on_commit(lambda: _send(task, arguments))


def timetable() -> dict[str, float]:
    """Return how often, in seconds, workers do which tasks by themselves."""
    entries = import_string(settings.CELERY_APP).conf.beat_schedule.values()
    return {entry["task"]: float(entry["schedule"]) for entry in entries}


def _send(task: str, arguments: dict[str, int | str]) -> None:
    try:
        import_string(settings.CELERY_APP).send_task(task, kwargs=arguments, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("message_not_sent", task=task, error=str(error), **arguments)
