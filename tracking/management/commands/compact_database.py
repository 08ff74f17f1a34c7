"""``manage.py compact_database``: what is free in an SQLite file, back to the file system."""

from typing import Any

from tracking.cleanup.space import compact_database
from tracking.management.base import PortalCommand


class Command(PortalCommand):
    """Write the file anew and print its size before and after."""

    help = "Give what is free in the SQLite file back to the file system. Stop the portal first: nobody can write."

    def handle(self, *args: Any, **options: Any) -> None:
        before, after = compact_database()
        self.stdout.write(f"{before:,} bytes before, {after:,} after. Deletions give space back from now on.")
