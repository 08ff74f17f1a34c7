"""How much a workspace may hold: its own quota, within what the server's settings allow every workspace."""

from dataclasses import dataclass

from django.conf import settings

WARN_AT = 0.8


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that a workspace may hold; None: no limit."""

    bytes: int | None
    runs: int | None


@dataclass(frozen=True, slots=True)
class Spent:
    """How much of a limit is used. ``used`` may be over ``most``: a quota can be set below what is there."""

    used: int
    most: int

    @property
    def share(self) -> float:
        return self.used / self.most

    @property
    def is_warning(self) -> bool:
        """Whether it is time to say something: from four fifths on."""
        return self.share >= WARN_AT

    @property
    def is_full(self) -> bool:
        return self.used >= self.most


def quota_of(*, quota_bytes: int | None, quota_runs: int | None) -> Quota:
    """Return what holds for a workspace with these quotas of its own: the lower of them and the server's."""
    return Quota(
        bytes=_lower(quota_bytes, settings.WORKSPACE_MAX_BYTES), runs=_lower(quota_runs, settings.WORKSPACE_MAX_RUNS)
    )


def spent(used: int, most: int | None) -> Spent | None:
    """Return how much of a limit is used; None if there is no limit."""
    return None if most is None else Spent(used, most)


def _lower(own: int | None, of_server: int) -> int | None:
    """Return the lower limit; the server's 0 is none."""
    return min((limit for limit in (own, of_server or None) if limit is not None), default=None)
