"""The one Django app: one label, one migration history."""

import sqlite3
from datetime import datetime

from django.apps import AppConfig


class TrackingConfig(AppConfig):
    """Rooms are folders of this app; tracking.models brings their tables together."""

    name = "tracking"

    def ready(self) -> None:
        """Have SQLite's times read at once as what they are, aware, in UTC: Django's way takes six times as long."""
        from django.db.backends.sqlite3 import base  # noqa: F401  (registers its own converter first)

        sqlite3.register_converter("datetime", _moment)


def _moment(text: bytes) -> datetime:
    return datetime.fromisoformat(f"{text.decode()}+00:00")
