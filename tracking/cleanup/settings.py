"""What the environment says about deletions."""

from datetime import timedelta

from django.conf import settings

from tracking.cleanup.types import Keeping


def keeping() -> Keeping:
    """Return how long each kind lies in the trash."""
    return Keeping(
        runs=_days(settings.ENV.trash_days),
        workspaces=_days(settings.ENV.workspace_trash_days),
        groups=_days(settings.ENV.group_trash_days),
    )


def _days(number: int) -> timedelta | None:
    return timedelta(days=number) if number else None
