"""Guessing is slow: tries are counted before they are made, in the database, for all processes together.

What cannot be counted is not tried: where the database is away, nobody signs in. Nothing here is asked on the way of a
request that carries a token.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from tracking.audit.services import record
from tracking.core.errors import TooManyTriesError
from tracking.identity.models import Attempts

WINDOW = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tries a window has for what ``parts`` name together. ``is_cleared``: one right try makes up for all."""

    most: int
    parts: tuple[str, ...]
    is_cleared: bool = False

    @property
    def key(self) -> bytes:
        return hashlib.sha256("\0".join(self.parts).encode()).digest()


def account_limits(*, what: str, username: str, address: str) -> tuple[Limit, ...]:
    """Return the limits of trying to be ``username``.

    Ten tries from one address, so that others from elsewhere still come in; thirty from one address whoever is tried; a
    hundred for one account wherever they come from.
    """
    name = username.casefold()
    return (
        Limit(10, (what, "account and address", name, address), is_cleared=True),
        Limit(30, (what, "address", address)),
        Limit(100, (what, "account", name)),
    )


def address_limits(*, what: str, address: str, most: int = 30) -> tuple[Limit, ...]:
    """Return the limit of doing ``what`` from one address."""
    return (Limit(most, (what, "address", address)),)


def count_try(*, limits: Sequence[Limit], about: str, now: datetime) -> None:
    """Count a try that is about to be made. Four queries, in a transaction of its own.

    :raises TooManyTriesError: if it must not be made; the first one that is refused is written into the audit log.
    """
    with transaction.atomic():
        keys = [limit.key for limit in limits]
        ours = Attempts.objects.filter(key__in=keys)
        ours.filter(until__lte=now).update(count=0, until=now + WINDOW)
        Attempts.objects.bulk_create(
            [Attempts(key=key, count=0, until=now + WINDOW) for key in keys], ignore_conflicts=True
        )
        ours.update(count=F("count") + 1)
        tried = {bytes(row.key): row for row in ours}
        over = [tried[limit.key] for limit in limits if tried[limit.key].count > limit.most]
        if any(tried[limit.key].count == limit.most + 1 for limit in limits):
            record(by=None, verb="sign_in.throttle", target=about, at=now, result="refused")
    if over:
        wait_s = max(1, math.ceil((max(row.until for row in over) - now).total_seconds()))
        raise TooManyTriesError(f"Too many tries. Try again in {math.ceil(wait_s / 60)} minutes.", retry_after_s=wait_s)


def forget_tries(*, limits: Sequence[Limit]) -> None:
    """Take a try back that was right. Two queries."""
    cleared = [limit.key for limit in limits if limit.is_cleared]
    Attempts.objects.filter(key__in=cleared).delete()
    others = [limit.key for limit in limits if not limit.is_cleared]
    Attempts.objects.filter(key__in=others, count__gt=0).update(count=F("count") - 1)
