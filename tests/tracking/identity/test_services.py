"""People and credentials: what is kept, how long it holds, and what is written down."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.people import People
from tracking.audit.models import AuditEvent
from tracking.core.clock import utc_now
from tracking.core.errors import InvalidParameterError, NotFoundError, UnauthenticatedError
from tracking.identity.models import AccessToken, SignInLink, User
from tracking.identity.queries import credential_by_token, get_user, has_users
from tracking.identity.secrets import digest_of, is_well_formed, new_secret
from tracking.identity.services import (
    create_user,
    forget_expired,
    issue_sign_in_link,
    issue_tracking_token,
    set_password,
    use_sign_in_link,
)
from tracking.identity.types import SIGN_IN_LINK_LIFE, TRACKING_TOKEN_LIFE, Scope

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def events() -> list[tuple[str, str, str]]:
    """Return who did what to what since the test began, oldest first."""
    return list(AuditEvent.objects.filter(at=NOW).order_by("pk").values_list("by_name", "verb", "target"))


def token_for(people: People, *, life: timedelta = TRACKING_TOKEN_LIFE) -> str:
    return issue_tracking_token(
        user=people.ann.user, workspace_id=people.workspace.pk, name="laptop", life=life, now=NOW
    ).text


def mistyped(secret: str) -> list[str]:
    """Return the secret with one digit changed, each in turn, and cut, and longer."""
    changed = [secret[:i] + ("x" if secret[i] != "x" else "y") + secret[i + 1 :] for i in range(len(secret))]
    return [*changed, secret[:-1], secret + "0", secret.swapcase(), f" {secret}", ""]


class TestSecret:
    def test_is_never_the_same(self) -> None:
        assert len({new_secret() for _ in range(100)}) == 100

    def test_carries_its_checksum(self) -> None:
        secret = new_secret()

        assert is_well_formed(secret)
        assert not [text for text in mistyped(secret) if is_well_formed(text)]


class TestCreateUser:
    def test_makes_a_person_without_a_password(self, db: None) -> None:
        user = create_user(username="dora", by=None, now=NOW)

        assert not user.has_usable_password()
        assert not user.is_staff
        assert not user.is_superuser
        assert get_user(username="dora") == user
        assert has_users()
        assert events() == [("(installation)", "user.create", "dora")]

    @pytest.mark.parametrize("name", ["", "ann", "a b", "x" * 151, "a/b"])
    def test_refuses_a_bad_or_taken_name_and_writes_nothing(self, people: People, name: str) -> None:
        with pytest.raises(InvalidParameterError):
            create_user(username=name, by=people.ann.user, now=NOW)

        assert User.objects.count() == 3
        assert events() == []


class TestGetUser:
    def test_does_not_find_a_disabled_one(self, people: People) -> None:
        User.objects.filter(pk=people.bob.user.pk).update(is_active=False)

        for name in ("bob", "nobody"):
            with pytest.raises(NotFoundError, match=f"no active user named '{name}'"):
                get_user(username=name)


class TestIssueTrackingToken:
    def test_keeps_a_digest_and_a_hint_alone(self, people: People) -> None:
        text = token_for(people)

        kept = AccessToken.objects.get(name="laptop")
        assert bytes(kept.digest) == digest_of(text)
        assert kept.hint == text[-4:]
        assert text not in repr(AccessToken.objects.filter(pk=kept.pk).values())
        assert events() == [("ann", "token.issue", f"ann: laptop ({kept.pk})")]

    def test_is_good_for_its_owner_and_workspace(self, people: People) -> None:
        credential = credential_by_token(text=token_for(people), now=NOW)

        assert (credential.user, credential.workspace_id) == (people.ann.user, people.workspace.pk)
        assert (credential.scope, credential.run_uid) == (Scope.WRITE, "")

    @pytest.mark.parametrize("asked", [timedelta(minutes=5), timedelta(hours=1), timedelta(days=365)])
    def test_ends_after_an_hour_at_the_latest(self, people: People, asked: timedelta) -> None:
        text = token_for(people, life=asked)
        end = NOW + min(asked, timedelta(hours=1))

        assert credential_by_token(text=text, now=end - SECOND).user == people.ann.user
        with pytest.raises(UnauthenticatedError, match="expired at"):
            credential_by_token(text=text, now=end)

    def test_needs_a_life(self, people: People) -> None:
        with pytest.raises(InvalidParameterError):
            token_for(people, life=timedelta(0))

        assert events() == []

    @pytest.mark.parametrize("change", [{"revoked_at": NOW}, {"digest": b"another"}])
    def test_ends_when_it_is_revoked_or_forgotten(self, people: People, change: dict[str, object]) -> None:
        text = token_for(people)
        AccessToken.objects.filter(name="laptop").update(**change)

        with pytest.raises(UnauthenticatedError, match=r"^The token is unknown or was revoked\.$"):
            credential_by_token(text=text, now=NOW)

    def test_ends_with_its_owner(self, people: People) -> None:
        text = token_for(people)
        User.objects.filter(pk=people.ann.user.pk).update(is_active=False)

        with pytest.raises(UnauthenticatedError):
            credential_by_token(text=text, now=NOW)


class TestSignInLink:
    def test_signs_in_once(self, people: People) -> None:
        text = issue_sign_in_link(user=people.bob.user, by=people.bob.user, now=NOW)

        assert use_sign_in_link(text=text, now=NOW) == people.bob.user
        with pytest.raises(UnauthenticatedError, match="was used already"):
            use_sign_in_link(text=text, now=NOW)

        assert events() == [("bob", "sign_in_link.issue", "bob"), ("bob", "sign_in_link.use", "bob")]

    def test_is_kept_as_a_digest(self, people: People) -> None:
        text = issue_sign_in_link(user=people.bob.user, by=people.bob.user, now=NOW)

        assert bytes(SignInLink.objects.get().digest) == digest_of(text)
        assert text not in repr(SignInLink.objects.values())

    def test_ends_after_a_quarter_of_an_hour(self, people: People) -> None:
        texts = [issue_sign_in_link(user=people.bob.user, by=people.bob.user, now=NOW) for _ in range(2)]
        end = NOW + SIGN_IN_LINK_LIFE

        assert use_sign_in_link(text=texts[0], now=end - SECOND) == people.bob.user
        with pytest.raises(UnauthenticatedError):
            use_sign_in_link(text=texts[1], now=end)

    def test_does_not_sign_in_who_was_disabled(self, people: People) -> None:
        text = issue_sign_in_link(user=people.bob.user, by=people.bob.user, now=NOW)
        User.objects.filter(pk=people.bob.user.pk).update(is_active=False)

        with pytest.raises(UnauthenticatedError):
            use_sign_in_link(text=text, now=NOW)

        assert SignInLink.objects.get().used_at is None

    def test_is_no_token_and_a_token_is_no_link(self, people: People) -> None:
        link = issue_sign_in_link(user=people.bob.user, by=people.bob.user, now=NOW)

        with pytest.raises(UnauthenticatedError):
            credential_by_token(text=link, now=NOW)
        for text in (token_for(people), new_secret(), "", "mlp_"):
            with pytest.raises(UnauthenticatedError):
                use_sign_in_link(text=text, now=NOW)

        assert [verb for _, verb, _ in events()] == ["sign_in_link.issue", "token.issue"]


class TestSetPassword:
    def test_keeps_an_argon2_hash(self, people: People) -> None:
        set_password(user=people.bob.user, password="correct horse battery", by=people.ann.user, now=NOW)

        stored = User.objects.get(username="bob")
        assert stored.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
        assert stored.check_password("correct horse battery")
        assert events() == [("ann", "user.set_password", "bob")]
        assert "correct horse" not in repr(AuditEvent.objects.values())


class TestForgetExpired:
    def test_removes_what_nobody_can_use_for_a_week(self, people: People) -> None:
        token_for(people)
        used, unused = (issue_sign_in_link(user=people.bob.user, by=people.bob.user, now=NOW) for _ in range(2))
        use_sign_in_link(text=used, now=NOW)
        AccessToken.objects.exclude(name="laptop").update(expires_at=utc_now() + timedelta(days=36_500))

        assert forget_expired(now=NOW + timedelta(days=7)) == 0
        assert forget_expired(now=NOW + timedelta(days=7, minutes=5)) == 1
        assert forget_expired(now=NOW + timedelta(days=7, minutes=16)) == 1
        assert forget_expired(now=NOW + timedelta(days=7, hours=2)) == 1

        assert AccessToken.objects.count() == 3
        assert not SignInLink.objects.exists()
        assert unused
