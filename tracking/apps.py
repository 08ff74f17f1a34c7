"""The one Django app: one label, one migration history."""

from django.apps import AppConfig


class TrackingConfig(AppConfig):
    """Rooms are folders of this app; tracking.models brings their tables together."""

    name = "tracking"
