"""Tokens: what they permit, whom they end with, and what is kept of them."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.people import People
from tracking.audit.models import AuditEvent
from tracking.core.errors import InvalidParameterError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from tracking.identity.models import AccessToken
from tracking.identity.queries import credential_by_token, list_tokens
from tracking.identity.services import (
    issue_access_token,
    issue_tracking_token,
    note_use,
    renew_tracking_token,
    revoke_token,
)
from tracking.identity.types import IssuedToken, Scope
from tracking.workspaces.access import require
from tracking.workspaces.types import Permission

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def personal(people: People, **given: object) -> IssuedToken:
    return issue_access_token(**{"user": people.ann.user, "name": "laptop", "now": NOW} | given)  # type: ignore[arg-type]


def tracking(people: People, **given: object) -> IssuedToken:
    defaults: dict[str, object] = {
        "user": people.ann.user,
        "workspace_id": people.workspace.pk,
        "name": "job",
        "now": NOW,
    }
    return issue_tracking_token(**defaults | given)  # type: ignore[arg-type]


def is_good(token: IssuedToken, *, now: datetime = NOW) -> bool:
    try:
        credential_by_token(text=token.text, now=now)
    except UnauthenticatedError:
        return False
    return True


class TestAccessToken:
    def test_lives_as_long_as_was_asked_and_a_year_at_most(self, people: People) -> None:
        assert personal(people, life=DAY).expires_at == NOW + DAY
        assert personal(people, life=10_000 * DAY).expires_at == NOW + 366 * DAY

    @pytest.mark.parametrize("name", ["", "  ", "x" * 201])
    def test_needs_a_name(self, people: People, name: str) -> None:
        with pytest.raises(InvalidParameterError, match="name must have 1 to 200"):
            personal(people, name=name)

    @pytest.mark.parametrize("scope", Scope)
    def test_permits_what_its_scope_says_and_no_more(self, people: People, scope: Scope) -> None:
        credential = credential_by_token(text=personal(people, scope=scope).text, now=NOW)

        permitted = [need for need in Permission if _permits(credential, need)]

        assert [need.name.lower() for need in permitted] == [one.value for one in scope.included]

    def test_of_a_token_is_no_wider_and_no_longer_than_that_one(self, people: People) -> None:
        parent = personal(people, scope=Scope.READ, life=DAY)

        child = personal(people, scope=Scope.MANAGE, life=30 * DAY, parent=parent.token_id)

        credential = credential_by_token(text=child.text, now=NOW)
        assert (credential.scope, child.expires_at) == (Scope.READ, parent.expires_at)

    def test_of_somebody_elses_token_is_refused(self, people: People) -> None:
        with pytest.raises(UnauthenticatedError):
            personal(people, user=people.bob.user, parent=personal(people).token_id)


class TestTrackingToken:
    def test_does_not_manage(self, people: People) -> None:
        credential = credential_by_token(text=tracking(people).text, now=NOW)

        with pytest.raises(PermissionDeniedError, match="has the scope write, which does not permit manage"):
            require(credential=credential, workspace="default", need=Permission.MANAGE)

    def test_never_outlives_its_parent(self, people: People) -> None:
        parent = personal(people, life=timedelta(minutes=5))

        assert tracking(people, parent=parent.token_id).expires_at == parent.expires_at

    @pytest.mark.parametrize("ended", ["expired", "revoked"])
    def test_is_not_made_by_a_token_that_is_over(self, people: People, ended: str) -> None:
        parent = personal(people, life=HOUR)
        if ended == "revoked":
            revoke_token(token_id=parent.token_id, user=people.ann.user, by=people.ann.user, now=NOW)

        with pytest.raises(UnauthenticatedError):
            tracking(people, parent=parent.token_id, now=NOW + HOUR)

    def test_is_bound_to_the_run_it_was_made_for(self, people: People) -> None:
        assert credential_by_token(text=tracking(people, run_uid="a" * 32).text, now=NOW).run_uid == "a" * 32


class TestRenewTrackingToken:
    def test_gives_another_hour_of_the_same(self, people: People) -> None:
        parent = personal(people)
        old = tracking(people, parent=parent.token_id, run_uid="a" * 32)

        new = renew_tracking_token(token_id=old.token_id, now=NOW + HOUR / 2)

        assert new.expires_at == NOW + HOUR * 1.5
        assert is_good(old, now=NOW + HOUR * 0.9)
        credential = credential_by_token(text=new.text, now=NOW + HOUR)
        assert (credential.workspace_id, credential.run_uid) == (people.workspace.pk, "a" * 32)
        assert AccessToken.objects.get(pk=new.token_id).parent_id == parent.token_id

    def test_is_refused_without_a_parent(self, people: People) -> None:
        with pytest.raises(UnauthenticatedError, match="cannot be renewed"):
            renew_tracking_token(token_id=tracking(people).token_id, now=NOW)

    def test_is_refused_once_it_or_its_parent_is_over(self, people: People) -> None:
        parent = personal(people, life=DAY)
        late = tracking(people, parent=parent.token_id)
        revoked = tracking(people, parent=parent.token_id)
        revoke_token(token_id=revoked.token_id, user=people.ann.user, by=people.ann.user, now=NOW)
        last = tracking(people, parent=parent.token_id, now=NOW + DAY - HOUR / 2)

        for token, now in ((late, NOW + HOUR), (revoked, NOW), (last, NOW + DAY)):
            with pytest.raises(UnauthenticatedError):
                renew_tracking_token(token_id=token.token_id, now=now)

    def test_does_not_renew_an_access_token(self, people: People) -> None:
        with pytest.raises(UnauthenticatedError):
            renew_tracking_token(token_id=personal(people).token_id, now=NOW)


class TestRevokeToken:
    def test_ends_it_and_all_that_was_made_with_it_at_once(
        self, people: People, django_capture_on_commit_callbacks: object
    ) -> None:
        first = personal(people)
        second = personal(people, parent=first.token_id)
        third = tracking(people, parent=second.token_id)
        other = personal(people)
        assert all(map(is_good, (first, second, third, other)))

        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            revoke_token(token_id=first.token_id, user=people.ann.user, by=people.ann.user, now=NOW)

        assert [is_good(token) for token in (first, second, third, other)] == [False, False, False, True]
        assert AuditEvent.objects.filter(verb="token.revoke").count() == 1

    def test_does_not_touch_tokens_of_others(self, people: People) -> None:
        token = personal(people)

        with pytest.raises(NotFoundError):
            revoke_token(token_id=token.token_id, user=people.bob.user, by=people.bob.user, now=NOW)

        assert is_good(token)


class TestNoteUse:
    def test_writes_once_in_ten_minutes(self, people: People) -> None:
        token = personal(people)

        for minutes in (0, 5, 9, 11):
            now = NOW + timedelta(minutes=minutes)
            note_use(credential=credential_by_token(text=token.text, now=now), now=now)

        (row,) = [row for row in list_tokens(user=people.ann.user, now=NOW) if row.token_id == token.token_id]
        assert row.last_used_at == NOW + timedelta(minutes=11)

    def test_costs_tracking_tokens_nothing(self, people: People, django_assert_num_queries: object) -> None:
        credential = credential_by_token(text=tracking(people).text, now=NOW)

        with django_assert_num_queries(0):  # type: ignore[operator]
            note_use(credential=credential, now=NOW)


class TestListTokens:
    def test_tells_what_is_good_and_none_of_the_secret(self, people: People) -> None:
        AccessToken.objects.all().delete()
        token = personal(people)
        expired = tracking(people, now=NOW - HOUR)
        job = tracking(people)

        rows = list_tokens(user=people.ann.user, now=NOW)

        assert [row.token_id for row in rows] == [token.token_id, job.token_id]
        assert rows[1].workspace == "default"
        assert token.text not in repr(rows)
        assert expired.token_id not in [row.token_id for row in rows]


def _permits(credential: object, need: Permission) -> bool:
    try:
        require(credential=credential, workspace="default", need=need)  # type: ignore[arg-type]
    except PermissionDeniedError:
        return False
    return True
