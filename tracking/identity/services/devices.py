"""Signing a program in: it shows a code, a person types the code where they are signed in, and approves."""

from datetime import datetime

from django.db import transaction

from tracking.audit.origin import origin
from tracking.audit.services import record
from tracking.core.errors import InvalidParameterError, NotFoundError
from tracking.identity.models import DeviceLogin, User
from tracking.identity.secrets import digest_of, is_well_formed, new_secret, new_user_code, normal_user_code
from tracking.identity.services.throttle import address_limits, count_try
from tracking.identity.services.tokens import issue_access_token
from tracking.identity.types import (
    DEVICE_INTERVAL,
    DEVICE_LOGIN_LIFE,
    DEVICE_TOKEN_LIFE,
    DeviceAsked,
    DeviceLoginError,
    DeviceState,
    IssuedToken,
)


def ask_device_login(*, client: str, now: datetime) -> DeviceAsked:
    """Let a program ask; ``client`` is what it says it is.

    :raises TooManyTriesError: if this address asked too often.
    """
    if not client.strip():
        raise InvalidParameterError("client must say which program asks, and where it runs.")
    address = origin().address
    limits = address_limits(what="device login", address=address)
    count_try(limits=limits, about=f"device login from {address}", now=now)
    device_code = new_secret()
    code = new_user_code()
    login = DeviceLogin.objects.create(
        digest=digest_of(device_code),
        user_code=code,
        client=client[:200],
        address=address[:64],
        state=DeviceState.ASKED,
        created_at=now,
        expires_at=now + DEVICE_LOGIN_LIFE,
    )
    return DeviceAsked(device_code, f"{code[:4]}-{code[4:]}", login.expires_at)


@transaction.atomic
def decide_device_login(*, user_code: str, is_approved: bool, by: User, now: datetime) -> None:
    """Approve or deny what a program asked. :raises NotFoundError: if no program waits with this code."""
    waiting = DeviceLogin.objects.filter(
        user_code=normal_user_code(user_code), state=DeviceState.ASKED, expires_at__gt=now
    )
    state = DeviceState.APPROVED if is_approved else DeviceState.DENIED
    client = waiting.values_list("client", flat=True).first()
    if client is None or not waiting.update(state=state, user=by):
        raise NotFoundError("No program waits with this code. It may have expired: start again where you saw it.")
    record(by=by, verb="device.approve" if is_approved else "device.deny", target=client, at=now)


def collect_device_token(*, device_code: str, now: datetime) -> tuple[User, IssuedToken]:
    """Return whom the program may act for, and its token, once.

    :raises DeviceLoginError: if nobody has decided yet, it was denied, it is over, or the program asks too often.
    """
    digest = digest_of(device_code) if is_well_formed(device_code) else b""
    login = DeviceLogin.objects.select_related("user").filter(digest=digest).first()
    if login is None or login.expires_at <= now:
        raise DeviceLoginError("EXPIRED_TOKEN", "The code is unknown or has expired. Start again.")
    if login.state == DeviceState.ASKED:
        DeviceLogin.objects.filter(pk=login.pk).update(asked_at=now)
        if login.asked_at is not None and now - login.asked_at < DEVICE_INTERVAL:
            seconds = DEVICE_INTERVAL.total_seconds()
            raise DeviceLoginError("SLOW_DOWN", f"Ask no more often than every {seconds:g} seconds.")
        raise DeviceLoginError("AUTHORIZATION_PENDING", "Nobody has approved yet.")
    if login.state == DeviceState.DENIED or login.user is None or not login.user.is_active:
        raise DeviceLoginError("ACCESS_DENIED", "The request was denied.")
    with transaction.atomic():
        if not DeviceLogin.objects.filter(pk=login.pk, state=DeviceState.APPROVED).update(state=DeviceState.COLLECTED):
            raise DeviceLoginError("EXPIRED_TOKEN", "The token was collected already. Start again.")
        return login.user, issue_access_token(user=login.user, name=login.client, life=DEVICE_TOKEN_LIFE, now=now)
