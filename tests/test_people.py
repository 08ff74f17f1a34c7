"""The people that most tests begin with are put back, and must be those that the services make."""

from collections.abc import Mapping

import pytest
from django.apps import apps
from django.db import transaction

from tests.support.people import People, Snapshot
from tracking.audit.models import AuditEvent
from tracking.core.clock import utc_now
from tracking.identity.queries import credential_by_token
from tracking.identity.services import create_user


@pytest.mark.django_db
class TestSnapshot:
    def test_restores_all_that_the_services_make(self, people_snapshot: Snapshot) -> None:
        with transaction.atomic():
            People.around()
            made, events = _counts(), _events()
            transaction.set_rollback(True)

        people_snapshot.restore()

        assert (_counts(), _events()) == (made, events)

    def test_restores_tokens_that_are_good(self, people_snapshot: Snapshot) -> None:
        people = people_snapshot.restore()

        credential = credential_by_token(text=people.bob.token, now=utc_now())

        assert credential is not None
        assert credential.user == people.bob.user

    def test_makes_the_people_around_what_a_test_has_made_already(self, people_snapshot: Snapshot) -> None:
        ann = create_user(username="ann", by=None, now=utc_now())

        assert people_snapshot.restore().ann.user == ann

    def test_is_not_changed_by_what_a_test_does_to_a_person(self, people_snapshot: Snapshot) -> None:
        with transaction.atomic():
            people_snapshot.restore().ann.user.email = "ann@example.com"
            transaction.set_rollback(True)

        assert people_snapshot.restore().ann.user.email == ""


def _counts() -> Mapping[str, int]:
    return {model.__name__: model._base_manager.count() for model in apps.get_app_config("tracking").get_models()}


def _events() -> list[tuple[str, str]]:
    return list(AuditEvent.objects.order_by("pk").values_list("verb", "by_name"))
