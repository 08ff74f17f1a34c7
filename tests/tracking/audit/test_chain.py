"""The chain over the audit log: whoever changes, removes or adds an event is found out."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from tracking.audit.chain import WINDOW, check
from tracking.audit.models import AuditEvent, AuditSeal
from tracking.audit.services import record, seal

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MIDDLE = "thing 2"


@pytest.fixture
def unlocked(db: None) -> None:
    """Take the triggers away, as somebody does who owns the database; the test's transaction puts them back."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER audit_event_is_not_changed")
            cursor.execute("DROP TRIGGER audit_seal_is_not_changed")
        else:
            cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
            cursor.execute("ALTER TABLE audit_seal DISABLE TRIGGER USER")


def happen(*numbers: int) -> None:
    """Record an event a minute and seal them all."""
    for number in numbers:
        record(by=None, verb="thing.do", target=f"thing {number}", at=NOW + timedelta(minutes=number))
    seal(now=NOW + timedelta(hours=1))


def change_the_middle() -> None:
    AuditEvent.objects.filter(target=MIDDLE).update(result="denied")


def remove_the_middle() -> None:
    AuditEvent.objects.filter(target=MIDDLE).delete()


def remove_the_middle_and_its_link() -> None:
    (event,) = AuditEvent.objects.filter(target=MIDDLE)
    AuditSeal.objects.filter(event_id=event.pk).delete()
    event.delete()


def add_an_old_one() -> None:
    last = AuditEvent.objects.order_by("-pk")[0]
    AuditEvent.objects.create(pk=last.pk + 5, at=last.at, verb="thing.do", target="thing 5")
    seal(now=NOW + timedelta(hours=1))
    AuditEvent.objects.create(pk=last.pk + 1, at=NOW - timedelta(days=1), verb="thing.do", target="forged")
    seal(now=NOW + timedelta(hours=2))


def add_one_far_back() -> None:
    last = AuditEvent.objects.order_by("-pk")[0]
    AuditEvent.objects.create(pk=last.pk + 2 * WINDOW, at=last.at, verb="thing.do", target="much later")
    seal(now=NOW + timedelta(hours=2))
    AuditEvent.objects.create(pk=last.pk + 1, at=last.at, verb="thing.do", target="forged")
    seal(now=NOW + timedelta(hours=3))


@pytest.mark.usefixtures("unlocked")
class TestCheck:
    def test_finds_nothing_where_nothing_was_done(self) -> None:
        happen(1, 2, 3)
        happen(4)
        record(by=None, verb="thing.do", target="young", at=NOW + timedelta(minutes=5))

        report = check()

        assert report.problems == ()
        assert report.sealed == AuditEvent.objects.count() - 1
        assert report.waiting == 1
        assert report.head == AuditSeal.objects.order_by("-number")[0].hash

    @pytest.mark.parametrize(
        ("tamper", "said"),
        [
            (change_the_middle, "thing 2) is not what was sealed"),
            (remove_the_middle, "is missing"),
            (remove_the_middle_and_its_link, "of the chain are missing"),
            (add_an_old_one, "forged) was added"),
            (add_one_far_back, "forged) was added"),
        ],
    )
    def test_names_the_one_event_that_somebody_was_at(self, tamper: Callable[[], None], said: str) -> None:
        happen(1, 2, 3, 4)

        tamper()

        (problem,) = check().problems
        assert said in problem

    def test_misses_a_head_that_was_noted_before_the_chain_was_cut(self) -> None:
        happen(1, 2, 3)
        noted = check().head
        assert check(head=noted).problems == ()

        last = AuditSeal.objects.order_by("-number")[0]
        AuditEvent.objects.filter(pk=last.event_id).delete()
        AuditSeal.objects.filter(pk=last.pk).delete()

        assert check().problems == ()
        assert noted in check(head=noted).problems[0]


@pytest.mark.django_db
class TestSeal:
    def test_takes_one_that_was_committed_late(self) -> None:
        happen(1, 2)
        first = AuditEvent.objects.order_by("pk").filter(target="thing 1")[0]
        record(by=None, verb="thing.do", target="thing 3", at=NOW + timedelta(minutes=3))
        late = AuditEvent.objects.get(target="thing 3")
        AuditEvent.objects.bulk_create([AuditEvent(pk=late.pk + 5, at=late.at, verb="a.b", target="first to commit")])

        assert seal(now=NOW) == 2
        assert seal(now=NOW) == 0
        assert check().problems == ()
        assert first.pk < late.pk

    def test_cannot_be_changed(self) -> None:
        happen(1)

        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            AuditSeal.objects.update(hash="x")


@pytest.mark.usefixtures("unlocked")
class TestCommand:
    def test_says_what_it_saw_and_fails_where_something_is_wrong(self) -> None:
        happen(1, 2, 3)
        output = io.StringIO()
        call_command("check_audit", stdout=output)
        assert output.getvalue().endswith(f"Head: {check().head}\n")

        change_the_middle()

        with pytest.raises(CommandError, match="thing 2"):
            call_command("check_audit", stdout=output)
