"""``manage.py tracking_uri [workspace]``: for scripts."""

from typing import Any

from django.core.management.base import CommandParser

from tracking.core.clock import utc_now
from tracking.management.addresses import new_tracking_uri
from tracking.management.base import PortalCommand
from tracking.management.install import FIRST_OWNER
from tracking.workspaces.types import DEFAULT_NAME


class Command(PortalCommand):
    """Print a tracking URI with a fresh token, alone on stdout."""

    help = "Print a tracking URI with a token that lives an hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", nargs="?", default=DEFAULT_NAME, help="default: %(default)s")
        parser.add_argument("--user", default=FIRST_OWNER, help="whom the token stands for; default: %(default)s")

    def handle(self, *args: Any, workspace: str, user: str, **options: Any) -> None:
        self.stdout.write(new_tracking_uri(username=user, workspace=workspace, now=utc_now()))
