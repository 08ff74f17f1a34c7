"""Making, renewing and revoking tokens."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from tracking.audit.services import record
from tracking.core.errors import InvalidParameterError, NotFoundError, UnauthenticatedError
from tracking.identity.models import AccessToken, User
from tracking.identity.queries import FRESH_ONE, Credential, forget_tokens
from tracking.identity.secrets import digest_of, new_secret
from tracking.identity.types import (
    ACCESS_TOKEN_LIFE,
    MAX_ACCESS_TOKEN_LIFE,
    TRACKING_TOKEN_LIFE,
    IssuedToken,
    Scope,
    TokenKind,
)

MAX_NAME = 200
USE_NOTED_EVERY = timedelta(minutes=10)


@transaction.atomic
def issue_access_token(
    *,
    user: User,
    name: str,
    scope: Scope = Scope.MANAGE,
    life: timedelta = ACCESS_TOKEN_LIFE,
    parent: int | None = None,
    now: datetime,
) -> IssuedToken:
    """Make a personal token. A ``life`` is cut to a year, and to what is left of ``parent``, the token that asks.

    :raises InvalidParameterError: if the name is empty or too long, or the life is none.
    :raises UnauthenticatedError: if the parent is not good any more.
    """
    if not name.strip() or len(name) > MAX_NAME:
        raise InvalidParameterError(
            f"A token's name must have 1 to {MAX_NAME} characters; {name[:80]!r} has {len(name)}."
        )
    return _issue(
        AccessToken(user=user, kind=TokenKind.ACCESS, name=name.strip(), scope=scope, created_at=now),
        life=min(life, MAX_ACCESS_TOKEN_LIFE),
        parent=parent,
    )


@transaction.atomic
def issue_tracking_token(
    *,
    user: User,
    workspace_id: int,
    name: str,
    run_uid: str = "",
    scope: Scope = Scope.WRITE,
    life: timedelta = TRACKING_TOKEN_LIFE,
    parent: int | None = None,
    now: datetime,
) -> IssuedToken:
    """Make a token for one workspace, and for one run there if ``run_uid`` is given.

    A ``life`` is cut to an hour, and to what is left of ``parent``, the token that asks. It can be renewed while its
    parent is good; without a parent, never.

    :raises InvalidParameterError: if the life is none.
    :raises UnauthenticatedError: if the parent is not good any more.
    """
    token = AccessToken(
        user=user,
        kind=TokenKind.TRACKING,
        name=name[:MAX_NAME],
        scope=scope,
        workspace_id=workspace_id,
        run_uid=run_uid,
        created_at=now,
    )
    return _issue(token, life=min(life, TRACKING_TOKEN_LIFE), parent=parent)


@transaction.atomic
def renew_tracking_token(*, token_id: int, life: timedelta = TRACKING_TOKEN_LIFE, now: datetime) -> IssuedToken:
    """Make another tracking token like this one, for the same workspace and run, with the same parent.

    The old one ends when it would have: programs that were started with it go on.

    :raises UnauthenticatedError: if it, or its parent, is not good any more, or it never had a parent.
    """
    old = AccessToken.objects.select_related("user").filter(pk=token_id, kind=TokenKind.TRACKING).first()
    if old is None or old.revoked_at is not None or old.expires_at <= now or old.parent_id is None:
        raise UnauthenticatedError(f"This tracking URI cannot be renewed. {FRESH_ONE}")
    return issue_tracking_token(
        user=old.user,
        workspace_id=old.workspace_id or 0,
        name=old.name,
        run_uid=old.run_uid,
        scope=Scope(old.scope),
        life=life,
        parent=old.parent_id,
        now=now,
    )


@transaction.atomic
def revoke_token(*, token_id: int, user: User, by: User, now: datetime) -> None:
    """End a token of ``user`` and every token that was made with it, at once; other processes notice within a second.

    :raises NotFoundError: if ``user`` has no such token, or it was revoked already.
    """
    if not AccessToken.objects.filter(pk=token_id, user=user, revoked_at=None).update(revoked_at=now):
        raise NotFoundError(f"{user.get_username()} has no token {token_id} that could be revoked.")
    ended = [token_id]
    while ended:
        ended = list(AccessToken.objects.filter(parent__in=ended, revoked_at=None).values_list("pk", flat=True))
        AccessToken.objects.filter(pk__in=ended).update(revoked_at=now)
    transaction.on_commit(forget_tokens)
    name = AccessToken.objects.values_list("name", flat=True).get(pk=token_id)
    record(by=by, verb="token.revoke", target=f"{user.get_username()}: {name} ({token_id})", at=now)


def note_use(*, credential: Credential, now: datetime) -> None:
    """Keep when an access token was used last, to ten minutes. No query but the first time in ten minutes."""
    token = credential.token
    if token is None or token.kind is not TokenKind.ACCESS:
        return
    long_ago = now - USE_NOTED_EVERY
    if token.last_used_at is not None and token.last_used_at > long_ago:
        return
    not_lately = Q(last_used_at=None) | Q(last_used_at__lte=long_ago)
    if AccessToken.objects.filter(not_lately, pk=token.token_id).update(last_used_at=now):
        forget_tokens()


def _issue(token: AccessToken, *, life: timedelta, parent: int | None) -> IssuedToken:
    """Save a token with a fresh secret; its parent is held, so that nobody revokes it meanwhile."""
    token.expires_at = token.created_at + life
    if parent is not None:
        asking = AccessToken.objects.select_for_update().filter(pk=parent, user=token.user).first()
        if asking is None or asking.revoked_at is not None or asking.expires_at <= token.created_at:
            raise UnauthenticatedError("The token that this one was made with is not good any more. Sign in again.")
        token.parent = asking
        token.scope = min(Scope(token.scope), Scope(asking.scope), key=lambda scope: scope.rank)
        token.expires_at = min(token.expires_at, asking.expires_at)
    if token.expires_at <= token.created_at:
        raise InvalidParameterError(f"A token must live longer than {life.total_seconds():g} seconds.")
    text = new_secret()
    token.digest, token.hint = digest_of(text), text[-4:]
    token.save(force_insert=True)
    record(
        by=token.user,
        verb="token.issue",
        target=f"{token.user.get_username()}: {token.name} ({token.pk})",
        at=token.created_at,
    )
    return IssuedToken(token_id=token.pk, text=text, expires_at=token.expires_at)


def revoke_workspace_tokens(*, workspace_ids: Sequence[int], now: datetime) -> int:
    """Revoke, in the caller's transaction, all tokens that are good for these workspaces only; return how many."""
    revoked = AccessToken.objects.filter(workspace__in=workspace_ids, revoked_at=None).update(revoked_at=now)
    transaction.on_commit(forget_tokens)
    return revoked
