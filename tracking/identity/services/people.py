"""Making people, letting them in, and forgetting what is over."""

from datetime import datetime, timedelta

from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from tracking.audit.services import record
from tracking.core.errors import InvalidParameterError, InvalidStateError, UnauthenticatedError
from tracking.identity.models import AccessToken, Attempts, DeviceLogin, Session, SignInLink, User
from tracking.identity.queries import forget_tokens
from tracking.identity.secrets import digest_of, is_well_formed, new_secret
from tracking.identity.services.sessions import sign_out_everywhere
from tracking.identity.types import INVITATION_LIFE, SIGN_IN_LINK_LIFE

KEEP_EXPIRED = timedelta(days=7)


@transaction.atomic
def create_user(*, username: str, email: str = "", by: User | None, now: datetime) -> User:
    """Create a person without a password: they come in by a sign-in link. ``by`` None: the installation itself.

    :raises InvalidParameterError: if the name or the address is none, or the name is taken in any spelling.
    """
    user = User(username=username, email=email, date_joined=now)
    user.set_unusable_password()
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        raise InvalidParameterError(" ".join(error.messages)) from None
    if User.objects.filter(username__iexact=username).exists():
        raise InvalidParameterError(f"There is a user {username!r} already, perhaps in another spelling.")
    user.save()
    record(by=by, verb="user.create", target=username, at=now)
    return user


@transaction.atomic
def issue_sign_in_link(*, user: User, life: timedelta = SIGN_IN_LINK_LIFE, by: User | None, now: datetime) -> str:
    """Return the secret of a link that signs ``user`` in once."""
    text = new_secret()
    SignInLink.objects.create(user=user, digest=digest_of(text), created_at=now, expires_at=now + life)
    record(by=by, verb="sign_in_link.issue", target=user.username, at=now)
    return text


@transaction.atomic
def reset_password(*, user: User, by: User, now: datetime) -> str:
    """Take a person's password, links and sessions away; return the secret of a link for setting a new one."""
    user.set_unusable_password()
    user.save(update_fields=["password"])
    SignInLink.objects.filter(user=user, used_at=None).delete()
    record(by=by, verb="user.reset_password", target=user.username, at=now)
    sign_out_everywhere(user=user, by=by, now=now)
    return issue_sign_in_link(user=user, life=INVITATION_LIFE, by=by, now=now)


@transaction.atomic
def set_active(*, user: User, is_active: bool, by: User, now: datetime) -> None:
    """Let a person in again, or keep them out: then their sessions, tokens and links end, everywhere within a second.

    :raises InvalidStateError: if they are so already, or ``by`` disables themselves.
    """
    if user.pk == by.pk:
        raise InvalidStateError("You cannot disable yourself: ask another owner.")
    if not User.objects.filter(pk=user.pk, is_active=not is_active).update(is_active=is_active):
        raise InvalidStateError(f"{user.username} is {'active' if is_active else 'disabled'} already.")
    user.is_active = is_active
    if not is_active:
        Session.objects.filter(user=user).delete()
        SignInLink.objects.filter(user=user, used_at=None).delete()
        AccessToken.objects.filter(user=user, revoked_at=None).update(revoked_at=now)
        transaction.on_commit(forget_tokens)
    record(by=by, verb="user.enable" if is_active else "user.disable", target=user.username, at=now)


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


def note_sign_in(*, user: User, how: str, now: datetime) -> None:
    """Write down that somebody came in; ``how``: by password, for example."""
    record(by=user, verb="sign_in.done", target=user.username, at=now, result=how)


def note_link(*, user: User, now: datetime) -> None:
    """Write down that a provider's word lets somebody in from now on, as they asked."""
    record(by=user, verb="user.link", target=user.username, at=now)


@transaction.atomic
def unlink(*, user: User, now: datetime) -> None:
    """Take a provider's word for somebody no longer. Who came in by it stays until the session ends.

    :raises InvalidStateError: if it is the only way to sign in that they have, or none is linked.
    """
    if not user.has_usable_password():
        raise InvalidStateError("It is your only way to sign in: set a password first.")
    if not SocialAccount.objects.filter(user=user).delete()[0]:
        raise InvalidStateError("No other provider's account is linked to yours.")
    record(by=user, verb="user.unlink", target=user.username, at=now)


@transaction.atomic
def set_password(*, user: User, password: str, by: User, now: datetime) -> None:
    """Give a person a new password, checked by the caller's form; they are signed out everywhere."""
    user.set_password(password)
    Session.objects.filter(user=user).delete()
    user.save(update_fields=["password"])
    record(by=by, verb="user.set_password", target=user.username, at=now)


def forget_expired(*, now: datetime) -> int:
    """Delete tokens and links a week after they expired or were used, and at once what ended else; return how many."""
    old = now - KEEP_EXPIRED
    over = (
        AccessToken.objects.filter(expires_at__lt=old),
        SignInLink.objects.filter(Q(expires_at__lt=old) | Q(used_at__lt=old)),
        DeviceLogin.objects.filter(expires_at__lt=now),
        Session.objects.filter(expires_at__lt=now),
        Attempts.objects.filter(until__lt=now),
    )
    return sum(found.delete()[0] for found in over)
