"""Statements that are sent all the time: what they write, and how often PostgreSQL is told of them."""

import math

import pytest
from django.db import DataError, connection, transaction

from tracking.core import hot

THINGS = hot.Insert(
    "things",
    {"id": "bigint", "name": "text", "value": "float8"},
    "ON CONFLICT (id) DO UPDATE SET name = excluded.name, value = excluded.value",
)
READ = "SELECT name, value FROM things WHERE id >= %s ORDER BY id"
IS_SQLITE = connection.vendor == "sqlite"
on_postgres = pytest.mark.skipif(IS_SQLITE, reason="SQLite's driver keeps compiled statements")
NAMES = [
    "",
    "NULL",
    "null",
    "{}",
    "a,b",
    'a"b',
    "a\\",
    "\\\"'",
    "'; DROP TABLE things; --",
    "%s %% $1",
    "损失 🎉",
    " \t\n",
]


def make_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE things (id bigint PRIMARY KEY, name text, value float8)")


def put(*rows: tuple[int, str | None, float | None]) -> list[tuple[object, ...]]:
    """Insert rows, and return all there are."""
    with connection.cursor() as cursor:
        hot.execute(cursor, THINGS.of(rows), (READ, [0]))
        return list(cursor.fetchall())


def prepared() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%things%%'")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
class TestInsert:
    @pytest.fixture(autouse=True)
    def things(self) -> None:
        make_table()

    @pytest.mark.parametrize("name", NAMES)
    def test_keeps_a_text_as_it_is(self, name: str) -> None:
        assert put((1, name, 0.5)) == [(name, 0.5)]

    @pytest.mark.parametrize("value", [None, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, math.inf, -math.inf])
    def test_keeps_a_number_exactly(self, value: float | None) -> None:
        assert put((2**63 - 1, None, value)) == [(None, value)]

    def test_takes_any_number_of_rows_and_lets_the_later_of_two_calls_win(self) -> None:
        put(*((number, "old", None) for number in range(300)))

        assert put((7, "new", 1.0))[6:8] == [("old", None), ("new", 1.0)]

    def test_that_fails_changes_nothing(self) -> None:
        put((1, "kept", None))

        with pytest.raises(OverflowError if IS_SQLITE else DataError), transaction.atomic():
            put((1, "changed", None), (2**63, "too large", None))

        assert put((2, "later", None)) == [("kept", None), ("later", None)]


@on_postgres
class TestPreparing:
    @pytest.mark.django_db
    def test_happens_once_even_where_the_transaction_is_undone(self) -> None:
        make_table()
        before = prepared()
        with transaction.atomic():
            put((1, "x", None))
            transaction.set_rollback(True)

        assert put((2, "y", None), (3, "z", None)) == [("y", None), ("z", None)]
        assert prepared() <= before + 2

    @pytest.mark.django_db(transaction=True)
    def test_happens_anew_in_a_new_connection(self) -> None:
        for _ in range(2):
            make_table()
            put((1, "x", None))
            assert prepared() == 2
            connection.close()
