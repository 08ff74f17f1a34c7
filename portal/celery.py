"""The Celery application: Redis as broker, or a folder of the data folder when there is none."""

import os
import warnings

from celery import Celery
from celery.platforms import SecurityWarning
from django.conf import settings

# Celery warns root because of pickled messages; ours are JSON (accept_content below).
warnings.filterwarnings("ignore", category=SecurityWarning)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
app = Celery("mlportal")


def _broker() -> dict[str, object]:
    if settings.ENV.redis_url:
        return {"broker_url": settings.ENV.redis_url, "broker_transport_options": {"visibility_timeout": 3600}}
    folders = {name: settings.ENV.data_dir / "queue" / name for name in ("messages", "control")}
    for folder in folders.values():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "broker_url": "filesystem://localhost",
        "broker_transport_options": {
            "data_folder_in": str(folders["messages"]),
            "data_folder_out": str(folders["messages"]),
            "control_folder": str(folders["control"]),
        },
    }


app.conf.update(
    **_broker(),
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    timezone="UTC",
    beat_schedule={
        "forget-expired-credentials": {"task": "identity.forget_expired", "schedule": 3600},
        "sweep-partial-uploads": {"task": "artifacts.sweep_partials", "schedule": 600},
        "measure-artifacts": {"task": "artifacts.measure_usage", "schedule": 1800},
        "prepare-documents": {"task": "api.prepare_documents", "schedule": 10},
        "compact-metrics": {"task": "metrics.sweep", "schedule": 60},
    },
)
app.autodiscover_tasks(["tracking.identity", "tracking.artifacts", "tracking.metrics", "tracking.api"])
