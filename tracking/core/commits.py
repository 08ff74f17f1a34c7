"""Group commit: changes that wait at the same time are made one by one, and durable together, by one fsync.

One that fails takes nothing of its neighbours with it. Nobody waits for company: a change that comes alone is committed
alone, at once.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import ParamSpec, TypeVar

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

log = structlog.get_logger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


class _Own(threading.local):
    """What a thread is doing. ``is_fresh``: nothing has happened yet in the change that ``commit`` makes."""

    is_fresh = False
    group: "_Group | None" = None


_own = _Own()


def one_change(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a service that is all or nothing, as ``transaction.atomic`` does.

    Where it is the first of a ``commit``, which is all or nothing already, it spares the two statements of a savepoint.
    """

    @functools.wraps(function)
    def changed(*args: P.args, **kwargs: P.kwargs) -> T:
        if _own.is_fresh:
            _own.is_fresh = False
            return function(*args, **kwargs)
        with transaction.atomic():
            return function(*args, **kwargs)

    return changed


def commit(make: Callable[[], T]) -> T:
    """Make a change in a transaction; it is committed when this returns, or when the ``together`` around it does."""
    return _in_savepoint(make) if _own.group is None else _own.group.commit(make)


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Call one after the other, and return what each returned once all they have committed is durable, by one fsync.

    A call must not raise, and must bear to be made twice: where a change fails half made, or the database does (it may
    have dropped the whole transaction, as SQLite does when the disk is full), everything is rolled back and each call
    is made again alone.
    """
    if len(calls) > 1:
        try:
            return _in_one_transaction(calls)
        except Exception as error:  # each call meets the trouble again below, and reports it
            log.info("group_divided", calls=len(calls), reason=repr(error))
    return [call() for call in calls]


class _Group:
    """Changes that share a transaction, which the first of them opens.

    They have no savepoints, which would cost as much as a small change. So one that fails is trouble for all, unless it
    failed before it changed anything, as what is refused does nearly always.
    """

    def __init__(self, transaction: contextlib.ExitStack) -> None:
        self._transaction = transaction
        self._is_open = False
        self.trouble: Exception | None = None

    def commit(self, make: Callable[[], T]) -> T:
        """Make a change; none after trouble."""
        if self.trouble is not None:
            raise self.trouble
        changed_before = -1
        try:
            if not self._is_open:
                self._transaction.enter_context(_atomic())
                self._is_open = True
            changed_before = _count_changed()
            return _as_first(make)
        except Exception as error:
            is_database = isinstance(error, OperationalError | InterfaceError)
            if is_database or connection.needs_rollback or _count_changed() != changed_before:
                self.trouble = error
            raise


def _count_changed() -> int:
    """Return how many rows the connection has changed since it was opened: SQLite's, as only there groups form."""
    changed: int = connection.connection.total_changes
    return changed


def _in_one_transaction(calls: Sequence[Callable[[], T]]) -> list[T]:
    try:
        with contextlib.ExitStack() as stack:
            _own.group = group = _Group(stack)
            answers = [call() for call in calls]
            if group.trouble is not None:
                raise group.trouble
        return answers
    finally:
        _own.group = None


def _in_savepoint(make: Callable[[], T]) -> T:
    """Make a change in a savepoint of the present transaction, or in one of its own."""
    with _atomic():
        return _as_first(make)


def _as_first(make: Callable[[], T]) -> T:
    _own.is_fresh = True
    try:
        return make()
    finally:
        _own.is_fresh = False


@contextlib.contextmanager
def without_waiting() -> Iterator[None]:
    """Commit a change without waiting for the disk: a loss of power may take it back. Within a transaction: as that is.

    Nothing else does, and nothing that is committed before or after suffers.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=NORMAL")
            try:
                yield
            finally:
                cursor.execute(f"PRAGMA synchronous={settings.ENV.sqlite_synchronous}")
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO OFF")
            yield


@contextlib.contextmanager
def _atomic() -> Iterator[None]:
    """Open a transaction, or a savepoint; once it is committed, nothing that is to follow it can make it fail."""
    committed: list[bool] = []
    try:
        with transaction.atomic():
            transaction.on_commit(lambda: committed.append(True))
            yield
    except Exception as error:
        if not committed:
            raise
        log.error("after_commit_failed", exc_info=error)
