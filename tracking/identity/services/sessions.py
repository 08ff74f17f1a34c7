"""Browsers that somebody is signed in with. The cookie's value is a secret: its digest is kept."""

from datetime import datetime, timedelta

from django.db import transaction

from tracking.audit.origin import origin
from tracking.audit.services import record
from tracking.core.errors import NotFoundError
from tracking.identity.models import AccessToken, Session, User
from tracking.identity.queries import forget_tokens
from tracking.identity.secrets import digest_of
from tracking.identity.types import TokenKind

SEEN_EVERY = timedelta(minutes=5)


def save_session(
    *, key: str, data: str, user_id: int | None, idle: timedelta, life: timedelta, is_new: bool, now: datetime
) -> bool:
    """Keep a session's data; return False if there is none to change, or one already where a new one was to be made.

    It ends when it was idle for ``idle`` or ``life`` after its creation, what is first. One query.
    """
    if not is_new:
        changed = Session.objects.filter(digest=digest_of(key)).update(data=data, user_id=user_id)
        return bool(changed)
    came_from = origin()
    _, is_made = Session.objects.get_or_create(
        digest=digest_of(key),
        defaults={
            "data": data,
            "user_id": user_id,
            "address": came_from.address[:64],
            "agent": came_from.agent[:200],
            "created_at": now,
            "seen_at": now,
            "expires_at": now + min(idle, life),
        },
    )
    return is_made


def see_session(*, key: str, idle: timedelta, life: timedelta, now: datetime) -> str | None:
    """Return the data of a session that is not over; keep that it was seen, to five minutes. One query, seldom two."""
    session = Session.objects.filter(digest=digest_of(key), expires_at__gt=now).first()
    if session is None:
        return None
    if session.seen_at <= now - SEEN_EVERY:
        end = min(now + idle, session.created_at + life)
        Session.objects.filter(pk=session.pk).update(seen_at=now, expires_at=end)
    return session.data


def delete_session(*, key: str) -> None:
    """Forget a session; nothing if there is none. One query."""
    Session.objects.filter(digest=digest_of(key)).delete()


@transaction.atomic
def end_session(*, session_id: int, user: User, by: User, now: datetime) -> None:
    """Sign one of a person's browsers out. :raises NotFoundError: if it is not signed in."""
    deleted, _ = Session.objects.filter(pk=session_id, user=user).delete()
    if not deleted:
        raise NotFoundError("This browser is signed out already.")
    record(by=by, verb="session.end", target=user.get_username(), at=now)


@transaction.atomic
def sign_out_everywhere(*, user: User, by: User, now: datetime) -> None:
    """End every session of a person and the tracking tokens that were made in one; access tokens stay."""
    Session.objects.filter(user=user).delete()
    of_sessions = AccessToken.objects.filter(user=user, kind=TokenKind.TRACKING, parent=None, revoked_at=None)
    of_sessions.update(revoked_at=now)
    transaction.on_commit(forget_tokens)
    record(by=by, verb="session.end_all", target=user.get_username(), at=now)
