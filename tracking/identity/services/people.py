"""Making people, letting them in, and forgetting what is over."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from tracking.audit.services import record
from tracking.core.errors import UnauthenticatedError
from tracking.identity.models import AccessToken, SignInLink, User
from tracking.identity.secrets import digest_of, is_well_formed, new_secret
from tracking.identity.types import SIGN_IN_LINK_LIFE

KEEP_EXPIRED = timedelta(days=7)


@transaction.atomic
def create_user(*, username: str, by: User | None, now: datetime) -> User:
    """Create a person without a password: they come in by a sign-in link. ``by`` None: the installation itself."""
    user = User(username=username, date_joined=now)
    user.set_unusable_password()
    user.full_clean(exclude=["password"])
    user.save()
    record(by=by, verb="user.create", target=username, at=now)
    return user


@transaction.atomic
def issue_sign_in_link(*, user: User, now: datetime) -> str:
    """Return the secret of a link that signs ``user`` in once, within a quarter of an hour."""
    text = new_secret()
    SignInLink.objects.create(user=user, digest=digest_of(text), created_at=now, expires_at=now + SIGN_IN_LINK_LIFE)
    record(by=user, verb="sign_in_link.issue", target=user.username, at=now)
    return text


@transaction.atomic
def use_sign_in_link(*, text: str, now: datetime) -> User:
    """Spend a sign-in link and return whom it signs in.

    :raises UnauthenticatedError: if it is unknown, used or expired.
    """
    digest = digest_of(text) if is_well_formed(text) else b""
    if not SignInLink.objects.filter(digest=digest, used_at=None, expires_at__gt=now, user__is_active=True).update(
        used_at=now
    ):
        raise UnauthenticatedError("This sign-in link is unknown, was used already or has expired. Ask for a new one.")
    user = User.objects.get(sign_in_links__digest=digest)
    record(by=user, verb="sign_in_link.use", target=user.username, at=now)
    return user


@transaction.atomic
def set_password(*, user: User, password: str, by: User, now: datetime) -> None:
    """Give a person a new password, checked by the caller's form."""
    user.set_password(password)
    user.save(update_fields=["password"])
    record(by=by, verb="user.set_password", target=user.username, at=now)


def forget_expired(*, now: datetime) -> int:
    """Delete tokens and links a week after they expired or were used; return how many."""
    old = now - KEEP_EXPIRED
    tokens, _ = AccessToken.objects.filter(expires_at__lt=old).delete()
    links, _ = SignInLink.objects.filter(Q(expires_at__lt=old) | Q(used_at__lt=old)).delete()
    return tokens + links
