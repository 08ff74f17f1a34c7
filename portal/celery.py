"""The Celery application: Redis as broker, or a folder of the data folder when there is none.

The broker is never the truth: what is to be done stands in the database, and a sweeper finds what no message told of
(tracking/cleanup). So messages carry ids alone, may be lost, and may come twice.
"""

import os
import signal
import warnings
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.beat import EmbeddedService
from celery.platforms import SecurityWarning
from celery.signals import task_postrun, task_prerun, worker_init
from click import Option
from django.conf import settings
from django.db.backends.signals import connection_created
from kombu.entity import Exchange, Queue

from portal import folder_queue

# Celery warns root because of pickled messages; ours are JSON (accept_content below).
warnings.filterwarnings("ignore", category=SecurityWarning)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
app = Celery("mlportal")
log = structlog.get_logger("mlportal.worker")

SWEEP_EVERY_S = 5
# A worker takes from both in turns: who deletes does not wait until a thousand runs are compacted.
DEFAULT, DELETIONS = "celery", "deletions"
BROKER_TIMEOUT_S = 1  # a request that only wants to wake a worker up must not wait for a broker that is down
POLL_S = 0.2  # how often the worker looks into the folder of messages
CHECKPOINT_PAGES = 500  # a web process has 4,000 (portal.settings)
VISIBILITY_TIMEOUT_S = 3_600  # far beyond what a task takes: their work is cut into slices of seconds


def _broker() -> dict[str, object]:
    queue = settings.ENV.data_dir / "queue"  # the timetable's memory lies there too, whatever the broker
    queue.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.ENV.redis_url:
        return {
            "broker_url": settings.ENV.redis_url,
            "broker_transport_options": {
                "visibility_timeout": VISIBILITY_TIMEOUT_S,
                "socket_connect_timeout": BROKER_TIMEOUT_S,
                "socket_timeout": 10 * BROKER_TIMEOUT_S,
                "retry_on_timeout": True,
            },
        }
    folders = {name: queue / name for name in ("messages", "control")}
    for folder in folders.values():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "broker_url": f"{folder_queue.SCHEME}://localhost",
        "broker_transport_options": {
            "data_folder_in": str(folders["messages"]),
            "data_folder_out": str(folders["messages"]),
            "control_folder": str(folders["control"]),
            "polling_interval": POLL_S,
        },
    }


app.conf.update(
    **_broker(),
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in (DELETIONS, DEFAULT)],  # type: ignore[no-untyped-call]
    task_routes={"cleanup.*": {"queue": DELETIONS}},
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=BROKER_TIMEOUT_S,
    task_publish_retry=False,
    timezone="UTC",
    beat_schedule={
        "seal-audit": {"task": "audit.seal", "schedule": 30},
        "forget-expired-credentials": {"task": "identity.forget_expired", "schedule": 3600},
        "sweep-partial-uploads": {"task": "artifacts.sweep_partials", "schedule": 600},
        "measure-artifacts": {"task": "artifacts.measure_usage", "schedule": 1800},
        "prepare-documents": {"task": "api.prepare_documents", "schedule": 10},
        "compact-metrics": {"task": "metrics.sweep", "schedule": 60},
        # Sweeps pile up while a worker is busy or away, and one of them does the work of all.
        "find-deletions": {
            "task": "cleanup.sweep",
            "schedule": SWEEP_EVERY_S,
            "options": {"expires": 2 * SWEEP_EVERY_S},
        },
        "empty-trash": {"task": "cleanup.empty_trash", "schedule": 3600},
        "look-for-orphans": {"task": "cleanup.look_for_orphans", "schedule": 86_400},
    },
)
app.autodiscover_tasks([f"tracking.{room}" for room in ("audit", "identity", "artifacts", "metrics", "cleanup", "api")])


@worker_init.connect  # type: ignore[untyped-decorator]
def spare_memory(**_: object) -> None:
    """Let a worker hold little of an SQLite database in memory: what it removes, it reads once.

    It also moves what was written into the file before a web process has to, and leaves the lock to those.
    """
    connection_created.connect(_step_back, dispatch_uid="a worker steps back")


def _step_back(connection: Any, **_: object) -> None:
    if connection.vendor == "sqlite":
        connection.is_background = True
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA mmap_size=0")
            cursor.execute("PRAGMA cache_size=-8192")
            cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")


@task_prerun.connect  # type: ignore[untyped-decorator]
def note_start(**given: Any) -> None:
    """Have every task noted as it begins."""
    from tracking.work import tasks  # it has tables, and Django is not ready when this module is read

    tasks.note_start(**given)


@task_postrun.connect  # type: ignore[untyped-decorator]
def note_end(**given: Any) -> None:
    """Have every task noted as it ends."""
    from tracking.work import tasks

    tasks.note_end(**given)


class Timetable(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """The timetable (beat) of a worker that was given ``--timetable``, the file in which it remembers what ran when.

    In a thread: a process of its own, as Celery's ``--beat`` has, takes as much memory again. A worker whose timetable
    has died ends: the supervisor starts both anew.
    """

    requires = {"celery.worker.components:Timer"}

    def __init__(self, worker: Any, timetable: str | None = None, **options: Any) -> None:
        super().__init__(worker, **options)
        self.enabled = timetable is not None
        self._beat: Any = EmbeddedService(worker.app, thread=True, schedule_filename=timetable) if timetable else None
        self._is_wanted = False

    def start(self, worker: Any) -> None:
        """Start the thread, and look every few seconds whether it lives."""
        self._is_wanted = True
        self._beat.start()
        worker.timer.call_repeatedly(SWEEP_EVERY_S, self.look)

    def stop(self, worker: Any) -> None:
        """End the thread, which writes down what ran when; one that has died would be waited for in vain."""
        self._is_wanted = False  # before it ends: the timer goes on looking until it is stopped itself
        if self._beat.is_alive():
            self._beat.stop()

    def look(self) -> None:
        """Ask the worker to stop if its timetable has without being told to."""
        if not self._beat.is_alive() and self._is_wanted:
            log.error("timetable_died")
            os.kill(os.getpid(), signal.SIGTERM)


app.user_options["worker"].add(Option(("--timetable",), help="keep the timetable; a file that remembers it"))
app.steps["worker"].add(Timetable)
