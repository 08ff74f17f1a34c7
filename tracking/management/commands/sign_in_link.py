"""``manage.py sign_in_link [user]``: how somebody without a password comes in."""

from typing import Any

from django.core.management.base import CommandParser

from tracking.core.clock import utc_now
from tracking.management.addresses import new_sign_in_link
from tracking.management.base import PortalCommand
from tracking.management.install import FIRST_OWNER


class Command(PortalCommand):
    """Print a link that signs one person in once, alone on stdout."""

    help = "Print a link that signs a user in once, within a quarter of an hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", nargs="?", default=FIRST_OWNER, help="default: %(default)s")

    def handle(self, *args: Any, user: str, **options: Any) -> None:
        self.stdout.write(new_sign_in_link(username=user, now=utc_now()))
