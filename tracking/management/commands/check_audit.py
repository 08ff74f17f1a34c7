"""``manage.py check_audit``: whether anybody has been at the audit log."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from tracking.audit.chain import check
from tracking.management.base import PortalCommand


class Command(PortalCommand):
    """Print how many events the chain holds and its head; fail where an event was changed, removed or added."""

    help = "Check that nobody has changed, removed or added events of the audit log."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--head", default="", help="a head that an earlier check printed: it must be in the chain")

    def handle(self, *args: Any, head: str, **options: Any) -> None:
        report = check(head=head)
        self.stdout.write(f"{report.sealed} events are sealed, {report.waiting} are too young. Head: {report.head}")
        if report.problems:
            raise CommandError("\n".join(report.problems))
