"""Group commit on real transactions, with real threads."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from tests.support.programs import wait_until
from tracking.core.clock import utc_now
from tracking.core.commits import GroupCommit, commit, one_change
from tracking.workspaces.models import ResourceGroup

pytestmark = pytest.mark.django_db(transaction=True)


def add(name: str) -> str:
    ResourceGroup.objects.create(name=name, created_at=utc_now())
    return name


@pytest.fixture
def commits() -> Iterator[GroupCommit]:
    commits = GroupCommit()
    yield commits
    if commits._writer is not None:
        commits._writer.close()


def names() -> set[str]:
    return set(ResourceGroup.objects.values_list("name", flat=True))


def run_together(commits: GroupCommit, changes: Sequence[Callable[[], object]]) -> list[object]:
    """Run changes in threads so that all but the first wait while it is made; return results, or what was raised."""
    is_first_in, may_end = threading.Event(), threading.Event()

    def first() -> object:
        is_first_in.set()
        assert may_end.wait(30)
        return changes[0]()

    def attempt(change: Callable[[], object]) -> object:
        try:
            return commits.run(change)
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(changes)) as threads:
        futures = [threads.submit(attempt, first)]
        assert is_first_in.wait(30)
        futures += [threads.submit(attempt, change) for change in changes[1:]]
        wait_until(lambda: len(commits._waiting) == len(changes) - 1, what="the others to wait")
        may_end.set()
        return [future.result(30) for future in futures]


class TestGroupCommit:
    def test_has_committed_when_it_returns(self, commits: GroupCommit) -> None:
        result = commits.run(lambda: add("lab"))

        assert result == "lab"
        assert names() == {"lab"}
        assert not connection.in_atomic_block

    def test_raises_what_the_change_raises_and_keeps_nothing(self, commits: GroupCommit) -> None:
        def fail() -> None:
            add("lab")
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            commits.run(fail)

        assert names() == set()

    def test_commits_those_that_waited_together(self, commits: GroupCommit) -> None:
        threads: set[int] = set()

        def change(name: str) -> Callable[[], str]:
            def make() -> str:
                threads.add(threading.get_ident())
                return add(name)

            return make

        results = run_together(commits, [change(f"lab-{i}") for i in range(6)])

        assert results == [f"lab-{i}" for i in range(6)]
        assert names() == {f"lab-{i}" for i in range(6)}
        assert len(threads) == 2  # the first alone, then one for the five others

    def test_does_not_let_one_that_fails_spoil_the_others(self, commits: GroupCommit) -> None:
        changes = [lambda name=name: add(name) for name in ("a", "b", "b", "c")]

        results = run_together(commits, changes)

        assert names() == {"a", "b", "c"}
        assert sum(isinstance(result, Exception) for result in results) == 1

    def test_makes_each_change_alone_where_the_database_fails_amid_a_group(self, commits: GroupCommit) -> None:
        calls: list[str] = []

        def broken() -> None:
            calls.append("broken")
            raise OperationalError("disk full")

        results = run_together(commits, [lambda: add("a"), lambda: add("b"), broken, lambda: add("c")])

        assert names() == {"a", "b", "c"}
        assert isinstance(results[2], OperationalError)
        assert calls == ["broken", "broken"]

    def test_leaves_the_callers_transaction_to_the_caller(self, commits: GroupCommit) -> None:
        with pytest.raises(ValueError, match="undo"), transaction.atomic():
            commits.run(lambda: add("lab"))
            raise ValueError("undo")

        assert names() == set()

    def test_goes_on_after_a_failure(self, commits: GroupCommit) -> None:
        with pytest.raises(ZeroDivisionError):
            commits.run(lambda: 1 / 0)

        assert commits.run(lambda: add("lab")) == "lab"

    def test_makes_nothing_twice_where_what_follows_the_commit_fails(self, commits: GroupCommit) -> None:
        calls: list[str] = []

        def counted() -> str:
            calls.append("b")
            transaction.on_commit(lambda: 1 // 0)
            return add("b")

        results = run_together(commits, [lambda: add("a"), counted, lambda: add("c")])

        assert results == ["a", "b", "c"]
        assert names() == {"a", "b", "c"}
        assert calls == ["b"]

    def test_tells_every_caller_when_the_connection_is_in_trouble(self, commits: GroupCommit) -> None:
        commits.run(lambda: add("a"))
        assert commits._writer is not None
        checks = iter([True, False])

        def check() -> None:
            if not next(checks, True):
                raise OperationalError("disk I/O error")

        commits._writer.close_if_unusable_or_obsolete = check  # type: ignore[method-assign]  # Django's

        results = run_together(commits, [lambda: add("b"), lambda: add("c"), lambda: add("d")])

        assert results[0] == "b"
        assert [type(result) for result in results[1:]] == [OperationalError, OperationalError]
        assert names() == {"a", "b"}


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

    def test_is_undone_alone_within_a_group(self, commits: GroupCommit) -> None:
        results = run_together(
            commits, [lambda: add("a"), lambda: self._add_two("b", "b"), lambda: self._add_two("c", "d")]
        )

        assert isinstance(results[1], IntegrityError)
        assert names() == {"a", "c", "d"}

    def test_costs_no_savepoint_where_the_group_has_made_one(self, commits: GroupCommit) -> None:
        def statements() -> list[str]:
            with CaptureQueriesContext(connection) as captured:  # the group's own connection
                self._add_two("a")
            return [query["sql"] for query in captured]

        assert [sql.split()[0] for sql in commits.run(statements)] == ["INSERT"]

    def test_of_a_group_goes_through_the_connection_of_all_groups(self, commits: GroupCommit) -> None:

        def own() -> object:
            return connections["default"]

        assert commits.run(own) is commits.run(own) is not own()

    def test_that_comes_second_in_a_group_is_undone_alone(self, commits: GroupCommit) -> None:
        def both() -> None:
            self._add_two("a")
            with contextlib.suppress(IntegrityError):
                self._add_two("b", "b")
            add("c")

        commits.run(both)

        assert names() == {"a", "c"}


class TestCommit:
    def test_keeps_what_is_acknowledged_of_many_at_once(self) -> None:
        def attempt(name: str) -> object:
            try:
                return commit(lambda: add(name))
            except IntegrityError as error:
                return error
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(attempt, [f"lab-{number // 2}" for number in range(40)]))

        kept = [result for result in results if isinstance(result, str)]
        assert sorted(kept) == sorted(names()) == sorted(f"lab-{number}" for number in range(20))
