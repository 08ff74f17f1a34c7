"""One event for a privileged change, none for one that failed or changed nothing."""

import importlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from tests.support.people import People
from tracking.audit.models import AuditEvent
from tracking.audit.services import record
from tracking.core.errors import AlreadyExistsError, InvalidStateError, NotFoundError
from tracking.identity.models import AccessToken
from tracking.registry.services import create_model, delete_model
from tracking.runs import services
from tracking.runs.models import Experiment, Run

tokens_and_audit = importlib.import_module("tracking.migrations.0003_tokens_and_audit")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def verbs() -> list[str]:
    """Return what was written down in the test itself, oldest first."""
    return list(AuditEvent.objects.filter(at=NOW).order_by("pk").values_list("verb", flat=True))


class TestRecord:
    def test_keeps_who_what_and_when(self, people: People) -> None:
        record(by=people.ann.user, verb="thing.do", target="x" * 2000, at=NOW)

        event = AuditEvent.objects.get(verb="thing.do")
        assert (event.by, event.by_name, event.at, event.target) == (people.ann.user, "ann", NOW, "x" * 1000)

    def test_names_the_installation_where_nobody_asked(self, people: People) -> None:
        record(by=None, verb="thing.do", target="x", at=NOW)

        event = AuditEvent.objects.get(verb="thing.do")
        assert (event.by, event.by_name) == (None, "(installation)")

    def test_outlives_the_person(self, people: People) -> None:
        record(by=people.cleo.user, verb="thing.do", target="x", at=NOW)

        people.cleo.user.delete()

        event = AuditEvent.objects.get(verb="thing.do")
        assert event.by_name == "cleo"

    def test_goes_with_the_change_that_it_is_about(self, people: People) -> None:
        with pytest.raises(RuntimeError), transaction.atomic():
            record(by=None, verb="thing.do", target="x", at=NOW)
            raise RuntimeError

        assert verbs() == []

    def test_says_where_the_request_came_from(self, people: People) -> None:
        token = people.ann.personal_token()
        headers = {"Authorization": f"Bearer {token}", "X-Request-ID": "trace-0123"}

        Client(REMOTE_ADDR="203.0.113.7").post(
            "/w/default/api/2.0/mlflow/experiments/create", {"name": "x"}, "application/json", headers=headers
        )

        event = AuditEvent.objects.get(verb="experiment.create", by=people.ann.user)
        assert (event.address, event.request_id, event.kind) == ("203.0.113.7", "trace-0123", "experiment")
        assert event.token_id == AccessToken.objects.get(hint=token[-4:], kind="access").pk
        assert event.result == "done"

    def test_says_nothing_of_the_request_before(self, people: People) -> None:
        Client().get("/w/default/api/3.0/mlflow/server-info", headers=people.ann.headers)

        record(by=None, verb="thing.do", target="x", at=NOW)

        event = AuditEvent.objects.get(verb="thing.do")
        assert (event.address, event.request_id, event.token_id) == ("", "", None)


class TestEvent:
    @pytest.fixture(autouse=True)
    def event(self, people: People) -> None:
        """Write one, and put back what tests/conftest.py takes away from SQLite."""
        record(by=None, verb="thing.do", target="x", at=NOW)
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(tokens_and_audit.PROTECT["sqlite"][1])

    def test_cannot_be_changed(self) -> None:
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            AuditEvent.objects.filter(verb="thing.do").update(target="y")

        assert AuditEvent.objects.get(verb="thing.do").target == "x"

    def test_cannot_be_deleted(self) -> None:
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            AuditEvent.objects.filter(verb="thing.do").delete()

        assert AuditEvent.objects.filter(verb="thing.do").exists()


@pytest.fixture
def experiment(people: People) -> Experiment:
    return services.create_experiment(workspace=people.workspace, name="a", by=people.ann.user, now=NOW)


@pytest.fixture
def run(experiment: Experiment) -> Run:
    return services.create_run(experiment=experiment, name="", user_name="", started_at=NOW, tags=[])


class TestExperiment:
    def test_changes_are_written_down_once_each(self, people: People, experiment: Experiment) -> None:
        services.rename_experiment(experiment=experiment, name="b", by=people.ann.user, now=NOW)
        services.delete_experiment(experiment=experiment, by=people.ann.user, now=NOW)
        services.restore_experiment(experiment=experiment, by=people.ann.user, now=NOW)

        assert verbs() == ["experiment.create", "experiment.rename", "experiment.delete", "experiment.restore"]
        assert set(AuditEvent.objects.filter(at=NOW).values_list("by_name", flat=True)) == {"ann"}

    def test_failures_are_not(self, people: People, experiment: Experiment) -> None:
        by = people.ann.user

        def create() -> object:
            return services.create_experiment(workspace=people.workspace, name="a", by=by, now=NOW)

        def rename() -> object:
            return services.rename_experiment(experiment=experiment, name="Default", by=by, now=NOW)

        def restore() -> object:
            return services.restore_experiment(experiment=experiment, by=by, now=NOW)

        failures: list[tuple[Callable[[], object], type[Exception]]] = [
            (create, AlreadyExistsError),
            (rename, AlreadyExistsError),
            (restore, NotFoundError),
        ]
        for fail, error in failures:
            with pytest.raises(error):
                fail()
        services.delete_experiment(experiment=experiment, by=by, now=NOW)
        deleted = Experiment.objects.get(pk=experiment.pk)
        with pytest.raises(InvalidStateError):
            services.rename_experiment(experiment=deleted, name="c", by=by, now=NOW)

        assert verbs() == ["experiment.create", "experiment.delete"]


class TestRun:
    def test_deleting_and_restoring_are_written_down_once(self, people: People, run: Run) -> None:
        for _ in range(2):
            services.delete_run(run=run, by=people.ann.user, now=NOW)
        for _ in range(2):
            services.restore_run(run=run, by=people.ann.user, now=NOW)

        assert verbs() == ["experiment.create", "run.delete", "run.restore"]


class TestLoggedModel:
    def test_deleting_is_written_down_once(self, people: People, experiment: Experiment) -> None:
        model = create_model(
            experiment=experiment, name="m", model_type="", source_run=None, params=[], tags=[], now=NOW
        )

        for _ in range(2):
            delete_model(model=model, by=people.ann.user, now=NOW)

        assert verbs() == ["experiment.create", "logged_model.delete"]
