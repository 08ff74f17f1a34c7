"""Transactions of one change; test_groups.py has those of several."""

import contextlib
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tracking.core.clock import utc_now
from tracking.core.commits import commit, one_change, without_waiting
from tracking.workspaces.models import ResourceGroup

pytestmark = pytest.mark.django_db(transaction=True)


def add(name: str) -> str:
    ResourceGroup.objects.create(name=name, created_at=utc_now())
    return name


def names() -> set[str]:
    return set(ResourceGroup.objects.values_list("name", flat=True))


def statements(work: Callable[[], object]) -> list[str]:
    """Return the first word of each statement."""
    with CaptureQueriesContext(connection) as captured:
        work()
    return [query["sql"].split()[0] for query in captured]


class TestOneChange:
    @staticmethod
    @one_change
    def _add_two(*names: str) -> None:
        for name in names:
            add(name)

    def test_is_a_transaction(self) -> None:
        with pytest.raises(IntegrityError):
            self._add_two("a", "a")

        assert names() == set()

    def test_is_undone_alone_within_the_callers_transaction(self) -> None:
        with transaction.atomic():
            add("a")
            with pytest.raises(IntegrityError):
                self._add_two("b", "b")
            add("c")

        assert names() == {"a", "c"}

    def test_costs_no_savepoint_where_the_commit_has_made_one(self) -> None:
        assert commit(lambda: statements(lambda: self._add_two("a"))) == ["INSERT"]

    def test_that_comes_second_in_a_group_is_undone_alone(self) -> None:
        def both() -> None:
            self._add_two("a")
            with contextlib.suppress(IntegrityError):
                self._add_two("b", "b")
            add("c")

        commit(both)

        assert names() == {"a", "c"}


class TestCommit:
    def test_has_committed_when_it_returns(self) -> None:
        result = commit(lambda: add("lab"))

        assert result == "lab"
        assert names() == {"lab"}
        assert not connection.in_atomic_block

    def test_raises_what_the_change_raises_and_keeps_nothing(self) -> None:
        def fail() -> None:
            add("lab")
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            commit(fail)

        assert names() == set()

    def test_leaves_the_callers_transaction_to_the_caller(self) -> None:
        with pytest.raises(ValueError, match="undo"), transaction.atomic():
            commit(lambda: add("lab"))
            raise ValueError("undo")

        assert names() == set()


class TestWithoutWaiting:
    def test_commits(self) -> None:
        with without_waiting():
            add("lab")

        assert names() == {"lab"}
        assert not connection.in_atomic_block

    def test_waits_again_afterwards(self) -> None:
        asked = "PRAGMA synchronous" if connection.vendor == "sqlite" else "SHOW synchronous_commit"

        def level() -> object:
            with connection.cursor() as cursor:
                cursor.execute(asked)
                return cursor.fetchone()

        before = level()
        with contextlib.suppress(ValueError), without_waiting():
            within = level()
            raise ValueError

        assert level() == before
        assert within == ((1,) if connection.vendor == "sqlite" else ("off",))

    def test_leaves_the_callers_transaction_as_it_is(self) -> None:
        with pytest.raises(ValueError, match="undo"), transaction.atomic():
            with without_waiting():
                add("lab")
            raise ValueError("undo")

        assert names() == set()
