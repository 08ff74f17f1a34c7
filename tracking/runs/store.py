"""Writing what a run carries: the statements that the ORM takes longer to write than the database to execute."""

from collections.abc import Mapping

from django.db import connection

from tracking.runs.types import RunIdentity


def hold_run(run: RunIdentity) -> bool | None:
    """Return whether a run is active, and keep it so until the transaction ends; None: there is no such run."""
    lock = "" if connection.vendor == "sqlite" else " FOR SHARE"  # SQLite has one writer at a time anyway
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT deleted_at IS NULL FROM run WHERE id = %s{lock}", [run.pk])  # noqa: S608
        row = cursor.fetchone()
    return None if row is None else bool(row[0])


def add_params(run: RunIdentity, values: Mapping[int, str]) -> dict[int, str]:
    """Add params, by the number of their key, where there is none yet; return what is there now. Two statements.

    At most a hundred of them, as many as MLflow takes at once.
    """
    marks = ", ".join(["%s"] * len(values))
    with connection.cursor() as cursor:
        cursor.execute(_insert("param", len(values), "DO NOTHING"), _rows(run, values))
        cursor.execute(
            f"SELECT key_id, value FROM param WHERE run_id = %s AND key_id IN ({marks})",  # noqa: S608
            [run.pk, *values],
        )
        return dict(cursor.fetchall())


def put_tags(run: RunIdentity, values: Mapping[int, str]) -> None:
    """Set tags, by the number of their key. One statement for a thousand of them."""
    key_ids = list(values)
    with connection.cursor() as cursor:
        for start in range(0, len(key_ids), 1000):
            some = {key_id: values[key_id] for key_id in key_ids[start : start + 1000]}
            cursor.execute(_insert("run_tag", len(some), "DO UPDATE SET value = excluded.value"), _rows(run, some))


def _insert(table: str, count: int, otherwise: str) -> str:
    marks = ", ".join(["(%s, %s, %s)"] * count)
    return f"INSERT INTO {table} (run_id, key_id, value) VALUES {marks} ON CONFLICT (run_id, key_id) {otherwise}"  # noqa: S608


def _rows(run: RunIdentity, values: Mapping[int, str]) -> list[int | str]:
    """Return the rows' values, by key: one order for all writers, so that they do not lock one another out."""
    return [part for key_id, value in sorted(values.items()) for part in (run.pk, key_id, value)]
