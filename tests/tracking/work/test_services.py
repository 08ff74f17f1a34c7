"""What is noted of the tasks of workers, and how one is begun by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from celery import shared_task
from django.test import Client

from portal.celery import app
from tests.support.people import People
from tracking.audit.models import AuditEvent
from tracking.core.clock import utc_now
from tracking.identity import tasks
from tracking.web.work import TITLES
from tracking.work.queries import list_tasks
from tracking.work.services import note_end, note_start
from tracking.work.types import TaskRow, TaskState
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import Role

NAME = "identity.forget_expired"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(name: str = NAME, *, now: datetime = NOW) -> TaskRow:
    """Return what is known of a task."""
    return next(one for one in list_tasks(now=now) if one.name == name)


@pytest.fixture
def breaking() -> Iterator[str]:
    """Register a task that fails."""

    @shared_task(name="tests.break")  # type: ignore[untyped-decorator]
    def broken(**_: object) -> None:
        raise OSError("the disk is full")

    app.finalize()
    yield "tests.break"
    del app.tasks["tests.break"]


@pytest.mark.django_db
class TestNotes:
    def test_say_that_a_task_never_ran(self) -> None:
        assert (row().state, row().every_s) == (TaskState.NEVER, 3600)

    def test_tell_running_from_ended_and_from_killed(self) -> None:
        note_start(name=NAME, now=NOW)
        assert row(now=NOW + timedelta(minutes=5)).state is TaskState.RUNNING
        assert row(now=NOW + timedelta(hours=2)).state is TaskState.BROKEN_OFF

        note_end(name=NAME, started_at=NOW, error="", now=NOW + timedelta(seconds=3))
        assert (row().state, row().took_s) == (TaskState.DONE, 3)

    def test_keep_an_error_until_it_goes_well_again(self) -> None:
        note_end(name=NAME, started_at=NOW, error="OSError: no", now=NOW)
        note_start(name=NAME, now=NOW)
        assert (row().state, row().error, row().failed_at) == (TaskState.RUNNING, "OSError: no", NOW)

        note_end(name=NAME, started_at=NOW, error="", now=NOW)
        assert (row().state, row().error, row().failed_at) == (TaskState.DONE, "", None)

    def test_are_made_by_the_worker_itself(self) -> None:
        tasks.forget_expired.apply()

        assert row(now=utc_now()).state is TaskState.DONE

    def test_name_what_went_wrong(self, breaking: str) -> None:
        app.tasks[breaking].apply()

        assert row(breaking).error == "OSError: the disk is full"
        assert row(breaking).state is TaskState.FAILED

    def test_have_a_title_for_every_task_there_is(self) -> None:
        ours = {name for name in app.tasks if not name.startswith(("celery.", "tests."))}

        assert ours <= TITLES.keys()


class TestPage:
    @pytest.fixture
    def owner(self, client: Client, people: People) -> Client:
        assign_role(user=people.ann.user, role=Role.OWNER, by=None, now=utc_now())
        client.force_login(people.ann.user)
        return client

    def test_shows_what_failed(self, owner: Client) -> None:
        note_end(name="metrics.sweep", started_at=NOW, error="OSError: no space", now=NOW)

        assert "OSError: no space" in owner.get("/work").content.decode()

    def test_begins_a_task_by_hand(self, owner: Client) -> None:
        response = owner.post("/work", {"start": NAME})

        assert response["Location"] == "/work"
        assert AuditEvent.objects.filter(verb="task.start", target=NAME, by_name="ann").count() == 1

    @pytest.mark.parametrize("name", ["", "x", "cleanup.advance", "celery.chord"])
    def test_begins_nothing_else(self, owner: Client, name: str) -> None:
        assert owner.post("/work", {"start": name}).status_code == 400
        assert not AuditEvent.objects.filter(verb="task.start").exists()
