"""What the ORM takes longer over than the database: reading and writing what runs carry."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from django.db import connection

from tracking.core import hot
from tracking.core.store import rows_among
from tracking.runs.models import Run
from tracking.runs.types import Hold, Pair, RunDocumentMade, RunHead, RunIdentity
from tracking.workspaces.store import PASS_GATE

T = TypeVar("T")
HOLD_RUN = """
    SELECT run.deleted_at IS NULL,
        coalesce(nullif(workspace.deletion_uid, ''), nullif(experiment.deletion_uid, ''), run.deletion_uid),
        run.status IN ('FINISHED', 'FAILED', 'KILLED')
    FROM run
    JOIN experiment ON experiment.id = run.experiment_id
    JOIN workspace ON workspace.id = run.workspace_id
    WHERE run.id = %s"""
HOLD_EXPERIMENT = """
    SELECT experiment.deleted_at IS NULL, coalesce(nullif(workspace.deletion_uid, ''), experiment.deletion_uid), FALSE
    FROM experiment
    JOIN workspace ON workspace.id = experiment.workspace_id
    WHERE experiment.id = %s"""
RUN_FIELDS = [field for field in Run._meta.concrete_fields if not field.primary_key]
ADD_RUN = (
    f"INSERT INTO run ({', '.join(str(field.column) for field in RUN_FIELDS)}) "  # noqa: S608
    f"VALUES ({', '.join(['%s'] * len(RUN_FIELDS))}) RETURNING id"
)
_CARRIED = {"run_id": "bigint", "key_id": "bigint", "value": "text"}
PARAMS = hot.Insert("param", _CARRIED, "ON CONFLICT (run_id, key_id) DO NOTHING")
TAGS = hot.Insert("run_tag", _CARRIED, "ON CONFLICT (run_id, key_id) DO UPDATE SET value = excluded.value")
FORGOTTEN = hot.Insert(
    "run_document",
    {"run_id": "bigint", "version": "bigint"},
    "ON CONFLICT (run_id) DO UPDATE SET version = run_document.version + 1, body = NULL",
)
HEAD = "id, uid, experiment_id, name, user_name, status, started_at, ended_at, deleted_at"  # as RunHead has them
TAGS_OF_EXPERIMENTS = "SELECT experiment_id, key, value FROM experiment_tag WHERE experiment_id"
PARAMS_OF_RUNS = "SELECT run_id, key_id, value FROM param WHERE run_id"
TAGS_OF_RUNS = "SELECT run_id, key_id, value FROM run_tag WHERE run_id"
DATASETS_OF_RUNS = """
    SELECT dataset_input.id, run_id, name, digest, source_type, source, schema, profile, CAST(tags AS TEXT)
    FROM dataset_input JOIN dataset ON dataset.id = dataset_id WHERE run_id"""
DOCUMENTS_OF_RUNS = "SELECT run_id, body FROM run_document WHERE body <> '' AND run_id"


def experiment_pks(workspace_id: int, pks: Sequence[int], *, with_default: bool) -> list[int]:
    """Return those of these experiments that a workspace has, and perhaps its Default. One statement."""
    named = f"id IN ({','.join(map(str, map(int, pks))) or 'NULL'})"
    wanted = f"({named} OR is_default)" if with_default else named
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM experiment WHERE workspace_id = %s AND {wanted} ORDER BY id", [workspace_id])  # noqa: S608
        return [pk for (pk,) in cursor.fetchall()]


def key_rows(
    experiment_ids: Sequence[int], *, kinds: Sequence[int], names: Sequence[str]
) -> list[tuple[int, str, int]]:
    """Return (kind, name, id) of the keys of these names in these experiments, one at least each. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT kind, name, id FROM key WHERE experiment_id IN ({','.join(map(str, map(int, experiment_ids)))}) "  # noqa: S608
            f"AND kind IN ({','.join(map(str, map(int, kinds)))}) AND name IN ({', '.join(['%s'] * len(names))})",
            names,
        )
        return list(cursor.fetchall())


def tags_by_experiment(experiment_ids: Collection[int]) -> dict[int, list[Pair]]:
    """Return the tags of these experiments by experiment, by key. One statement."""
    by_experiment: defaultdict[int, list[Pair]] = defaultdict(list)
    for pk, key, value in sorted(rows_among(TAGS_OF_EXPERIMENTS, experiment_ids)):
        by_experiment[pk].append(Pair(key, value))
    return by_experiment


def hold_run(run: RunIdentity) -> Hold | None:
    """Return how a run stands, and keep it so until the transaction ends; None: there is no such run. One round trip.

    Statements that go together see the database each at its own moment: the second one looks after the gate was passed.
    """
    return _hold(f"{HOLD_RUN} FOR SHARE OF run" if connection.vendor != "sqlite" else HOLD_RUN, run.pk)


def hold_experiment(pk: int) -> Hold | None:
    """Return how an experiment stands; no deletion of it begins until the transaction ends. One round trip.

    Nothing is locked, because those who ask change the row afterwards: two of them would wait for each other for ever.
    """
    return _hold(HOLD_EXPERIMENT, pk)


def _hold(statement: str, pk: int) -> Hold | None:
    gate = [] if connection.vendor == "sqlite" else [(PASS_GATE, ())]
    with connection.cursor() as cursor:
        hot.execute(cursor, *gate, (statement, [pk]))
        row = cursor.fetchone()
    return None if row is None else Hold(bool(row[0]), row[1], has_ended=bool(row[2]))


def add_run(run: Run) -> None:
    """Save a new run as ``save`` does, at a fifth of its cost. One statement."""
    values = [field.get_db_prep_save(getattr(run, field.attname), connection) for field in RUN_FIELDS]
    with connection.cursor() as cursor:
        hot.execute(cursor, (ADD_RUN, values))
        run.pk = cursor.fetchone()[0]
    run._state.adding, run._state.db = False, connection.alias


def change_run(pk: int, changes: Mapping[str, str | datetime]) -> RunHead:
    """Set columns of a run's row, at least one; return the row as it is then. One statement."""
    columns = ", ".join(f"{column} = %s" for column in changes)
    values = [
        connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
        for value in changes.values()
    ]
    with connection.cursor() as cursor:
        hot.execute(cursor, (f"UPDATE run SET {columns} WHERE id = %s RETURNING {HEAD}", [*values, pk]))  # noqa: S608
        return RunHead(*cursor.fetchone())


def add_params(run: RunIdentity, values: Mapping[int, str]) -> dict[int, str]:
    """Add params, by the number of their key, where there is none yet; return what is there now.

    One statement, two where some were there before. At most a hundred of them, as many as MLflow takes at once.
    """
    marks = ", ".join(["%s"] * len(values))
    with connection.cursor() as cursor:
        hot.execute(cursor, PARAMS.of(_rows(run, values)))
        if cursor.rowcount == len(values):
            return dict(values)
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
            hot.execute(cursor, TAGS.of(_rows(run, some)))


def forget_documents(run_ids: Collection[int]) -> None:
    """Take the documents of runs away and move their versions on. One statement for a thousand runs."""
    for some in _thousands(sorted(run_ids)):
        with connection.cursor() as cursor:
            hot.execute(cursor, FORGOTTEN.of([(run_id, 1) for run_id in some]))


def keep_documents(made: Sequence[RunDocumentMade]) -> None:
    """Keep documents, each unless its run has changed since. One statement for a thousand."""
    for some in _thousands(sorted(made, key=lambda one: one.run_id)):
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO run_document (run_id, version, body) VALUES {', '.join(['(%s, %s, %s)'] * len(some))} "  # noqa: S608
                "ON CONFLICT (run_id) DO UPDATE SET body = excluded.body WHERE run_document.version = excluded.version",
                [part for one in some for part in (one.run_id, one.version, one.body)],
            )


def _thousands(items: list[T]) -> Iterator[list[T]]:
    return (items[start : start + 1000] for start in range(0, len(items), 1000))


def _rows(run: RunIdentity, values: Mapping[int, str]) -> list[tuple[int, int, str]]:
    """Return the rows, by key: one order for all writers, so that they do not lock one another out."""
    return [(run.pk, key_id, value) for key_id, value in sorted(values.items())]
