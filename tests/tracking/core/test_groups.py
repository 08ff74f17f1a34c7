"""Group commit on real transactions; groups form on SQLite alone (portal.asgi)."""

from collections.abc import Callable, Sequence

import pytest
from django.core import signals
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tracking.core.clock import utc_now
from tracking.core.commits import commit, one_change, together
from tracking.workspaces.models import ResourceGroup

pytestmark = pytest.mark.django_db(transaction=True)


def add(name: str) -> str:
    ResourceGroup.objects.create(name=name, created_at=utc_now())
    return name


def names() -> set[str]:
    return set(ResourceGroup.objects.values_list("name", flat=True))


def attempt(change: Callable[[], object]) -> Callable[[], object]:
    """Return a call that commits a change and returns its result, or what it raised."""

    def call() -> object:
        try:
            return commit(change)
        except Exception as error:
            return error

    return call


def run_together(changes: Sequence[Callable[[], object]]) -> list[object]:
    """Commit changes as a group; return results, or what was raised."""
    return together([attempt(change) for change in changes])


def statements(work: Callable[[], object]) -> list[str]:
    """Return the first word of each statement."""
    with CaptureQueriesContext(connection) as captured:
        work()
    return [query["sql"].split()[0] for query in captured]


class TestTogether:
    def test_commits_all_with_one_transaction(self) -> None:
        said = statements(lambda: run_together([lambda: add("a"), lambda: add("b"), lambda: add("c")]))

        assert names() == {"a", "b", "c"}
        assert said == ["BEGIN", "INSERT", "INSERT", "INSERT", "COMMIT"]

    def test_commits_one_alone_without_a_savepoint(self) -> None:
        said = statements(lambda: run_together([lambda: add("a")]))

        assert said == ["BEGIN", "INSERT", "COMMIT"]

    def test_returns_what_each_call_returned(self) -> None:
        assert run_together([lambda: add("a"), lambda: 7, lambda: add("b")]) == ["a", 7, "b"]

    def test_of_nothing_that_commits_opens_no_transaction(self) -> None:
        assert statements(lambda: together([lambda: 1, lambda: 2])) == []

    def test_does_not_let_one_that_fails_spoil_the_others(self) -> None:
        results = run_together([lambda name=name: add(name) for name in ("a", "b", "b", "c")])  # type: ignore[misc]

        assert names() == {"a", "b", "c"}
        assert [isinstance(result, Exception) for result in results] == [False, False, True, False]

    def test_goes_on_where_a_request_begins_or_ends(self) -> None:
        calls: list[str] = []

        def request(name: str) -> str:
            calls.append(name)
            signals.request_started.send(sender=None)
            try:
                return commit(lambda: add(name))
            finally:
                signals.request_finished.send(sender=None)

        assert together([lambda: request("a"), lambda: request("b")]) == calls == ["a", "b"]
        assert names() == {"a", "b"}

    def test_takes_back_one_that_fails_half_made(self) -> None:
        calls: list[str] = []

        def half() -> None:
            calls.append("half")
            add("half")
            raise ValueError("no")

        results = run_together([lambda: add("a"), half, lambda: add("c")])

        assert names() == {"a", "c"}
        assert isinstance(results[1], ValueError)
        assert calls == ["half", "half"]

    def test_goes_on_past_one_that_fails_before_it_changes_anything(self) -> None:
        calls: list[str] = []

        def refused() -> None:
            calls.append("refused")
            raise ValueError("no")

        results = run_together([lambda: add("a"), refused, lambda: add("c")])

        assert names() == {"a", "c"}
        assert isinstance(results[1], ValueError)
        assert calls == ["refused"]

    def test_makes_each_change_alone_where_the_database_fails_amid_a_group(self) -> None:
        calls: list[str] = []

        def broken() -> None:
            calls.append("broken")
            raise OperationalError("disk full")

        results = run_together([lambda: add("a"), lambda: add("b"), broken, lambda: add("c")])

        assert names() == {"a", "b", "c"}
        assert isinstance(results[2], OperationalError)
        assert calls == ["broken", "broken"]

    def test_makes_each_change_alone_where_the_transaction_was_lost(self) -> None:
        losses = iter([True])

        def losing() -> str:
            if next(losses, False):
                connection.connection.rollback()  # as SQLite does by itself
                raise OperationalError("disk full")
            return add("b")

        assert run_together([lambda: add("a"), losing, lambda: add("c")]) == ["a", "b", "c"]
        assert names() == {"a", "b", "c"}

    def test_goes_on_after_a_failure(self) -> None:
        results = run_together([lambda: 1 // 0, lambda: 1 // 0])

        assert [type(result) for result in results] == [ZeroDivisionError] * 2
        assert run_together([lambda: add("lab")]) == ["lab"]

    def test_makes_nothing_twice_where_what_follows_the_commit_fails(self) -> None:
        calls: list[str] = []

        def counted() -> str:
            calls.append("b")
            transaction.on_commit(lambda: 1 // 0)
            return add("b")

        results = run_together([lambda: add("a"), counted, lambda: add("c")])

        assert results == ["a", "b", "c"]
        assert names() == {"a", "b", "c"}
        assert calls == ["b"]

    def test_undoes_a_service_alone(self) -> None:
        @one_change
        def add_two(*names: str) -> None:
            for name in names:
                add(name)

        results = run_together([lambda: add("a"), lambda: add_two("b", "b"), lambda: add_two("c", "d")])

        assert isinstance(results[1], IntegrityError)
        assert names() == {"a", "c", "d"}
