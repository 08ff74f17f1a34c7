"""``manage.py serve``: the whole portal in one command; what `make run` runs."""

import gc
import os
import signal
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command

from portal.env import check_exposure
from tracking.core.clock import utc_now
from tracking.identity.types import SIGN_IN_LINK_LIFE
from tracking.management.addresses import new_sign_in_link, new_tracking_uri
from tracking.management.base import PortalCommand
from tracking.management.install import FIRST_OWNER, install
from tracking.management.processes import Address, check_port, web_program, worker_program
from tracking.management.static_files import collect_static
from tracking.management.watcher import Plan, become_watcher
from tracking.workspaces.types import DEFAULT_NAME

PRIVATE = 0o077  # what the server and its children write, only its user reads
GREETING = """
mlportal runs at {url}
Sign in (once, within {minutes} minutes): {sign_in_link}

Log a first run; paste this into Python (the token in it lives an hour, `manage.py tracking_uri` makes another):

import mlflow
mlflow.set_tracking_uri("{tracking_uri}")
mlflow.set_experiment("first-steps")
with mlflow.start_run():
    for step in range(20): mlflow.log_metric("loss", 1 / (step + 1), step=step)

Ctrl-C stops it.
"""


class Command(PortalCommand):
    """Prepare the data folder and the database, then run the web server and the worker until Ctrl-C."""

    help = "Run the portal: prepares its data on the first start, then serves until Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        env = settings.ENV
        gc.disable()  # a quarter of what a first start's migrations take; the process is replaced before it matters
        os.umask(PRIVATE)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it starts with & ignore it
        check_exposure(env)
        check_port(env)
        call_command("migrate", interactive=False, verbosity=0)
        install(now=utc_now())
        collect_static()
        plan = Plan(
            programs=[web_program(env), worker_program(env)],
            address=Address.of(env),
            greeting=self._greeting(),
            log_style=env.log_format,
            log_level=env.log_level,
        )
        become_watcher(plan)

    def _greeting(self) -> str:
        now = utc_now()
        return GREETING.format(
            url=settings.PORTAL_URL,
            minutes=SIGN_IN_LINK_LIFE // timedelta(minutes=1),
            sign_in_link=new_sign_in_link(username=FIRST_OWNER, now=now),
            tracking_uri=new_tracking_uri(username=FIRST_OWNER, workspace=DEFAULT_NAME, now=now),
        )
