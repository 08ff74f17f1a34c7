"""Ann owns, Bob reads, Cleo is a stranger."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.db.models.sql import InsertQuery

from tracking.core.clock import utc_now
from tracking.identity.models import User
from tracking.identity.services import create_user, issue_access_token, issue_tracking_token
from tracking.identity.types import Scope
from tracking.runs.services import create_default_experiment
from tracking.workspaces.models import Workspace
from tracking.workspaces.services import assign_role, create_group, create_workspace
from tracking.workspaces.types import DEFAULT_NAME, Role


@dataclass(frozen=True, slots=True)
class Person:
    """A user and a credential that tests send."""

    user: User
    token: str

    def personal_token(self, *, scope: Scope = Scope.MANAGE) -> str:
        """Return the text of a new access token: good for every workspace, and for managing."""
        return issue_access_token(user=self.user, name="test", scope=scope, now=utc_now()).text

    @property
    def headers(self) -> dict[str, str]:
        """What a request of this person carries: ``client.get(url, headers=people.ann.headers)``."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class People:
    """A workspace, with its group and its Default experiment, and who is what in it."""

    workspace: Workspace
    ann: Person
    bob: Person
    cleo: Person

    @classmethod
    def around(cls, name: str = DEFAULT_NAME) -> Self:
        """Create workspace ``name`` in a group of the same name; the people too, where they do not exist yet."""
        now = utc_now()
        group = create_group(name=name, by=None, now=now)
        workspace = create_workspace(name=name, group=group, by=None, now=now)
        create_default_experiment(workspace=workspace, by=None, now=now)
        people = cls(workspace, *(_person(name, workspace) for name in ("ann", "bob", "cleo")))
        assign_role(user=people.ann.user, role=Role.OWNER, workspace=workspace, by=None, now=now)
        assign_role(user=people.bob.user, role=Role.READER, workspace=workspace, by=None, now=now)
        return people


def _person(username: str, workspace: Workspace) -> Person:
    now = utc_now()
    user = User.objects.filter(username=username).first() or create_user(username=username, by=None, now=now)
    return Person(user, issue_tracking_token(user=user, workspace_id=workspace.pk, name="test", now=now).text)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The people around workspace ``default``, made once in a process: the services take some eighty statements.

    ``inserts`` are the statements, with their parameters, that put the same rows back, audit events included.
    """

    people: People
    inserts: Sequence[tuple[str, Sequence[Any]]]

    @classmethod
    def take(cls) -> Self:
        """Make the people as the services do, and leave nothing of them in the database."""
        with transaction.atomic():
            before = _rows()
            people = People.around()
            inserts = _inserts(_rows() - before)
            transaction.set_rollback(True)
        return cls(people, inserts)

    def restore(self) -> People:
        """Put the people back in the present transaction; one statement a table.

        Only in a transaction that is rolled back: a server would take the numbers for those it remembers of a test
        before. Where rows are in the way, since the test has made something already, the people are made anew.
        """
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                for sql, parameters in self.inserts:
                    cursor.execute(sql, parameters)
        except IntegrityError:
            return People.around()
        return copy.deepcopy(self.people)


def _rows() -> set[Model]:
    models = apps.get_app_config("tracking").get_models(include_auto_created=True)
    return {row for model in models for row in model._base_manager.all()}


def _inserts(rows: Iterable[Model]) -> list[tuple[str, Sequence[Any]]]:
    """Return the statements, one a table, that insert the rows with the keys they have."""
    inserts = []
    for _, of_table in groupby(sorted(rows, key=lambda row: (row._meta.db_table, row.pk)), key=type):
        same = list(of_table)
        query = InsertQuery(type(same[0]))
        query.insert_values(same[0]._meta.concrete_fields, same, raw=True)
        inserts += query.get_compiler(connection=connection).as_sql()
    return inserts
