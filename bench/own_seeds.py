"""Large experiments written straight into this server's tables, as the API would have written them in ten minutes:
``python -m bench.own_seeds runs EXPERIMENT COUNT`` or ``… curves EXPERIMENT POINTS`` with the server's environment."""

import io
import os
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

import django

from bench import contents

RUNS_AT_ONCE = 2_000  # a transaction, so that the server's worker is not kept waiting
POINTS_AT_ONCE = 10_000  # a segment
TABLES = {
    "run": "id, uid, workspace_id, experiment_id, name, user_name, status, started_at, ended_at, deletion_uid",
    "param": "run_id, key_id, value",
    "run_tag": "run_id, key_id, value",
    "metric_series": "run_id, key_id, latest_step, latest_timestamp_ms, latest_value, min_value, max_value, "
    "first_step, last_step, received, finite_sum, finite_count",
    "metric_segment": "run_id, payload",
    "run_document": "run_id, version",
}
Rows = Iterator[Sequence[object]]


def main() -> None:
    """Write runs or curves, and then the documents that the worker would make."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from tracking.api.mlflow.documents import prepare

    write = {"runs": write_runs, "curves": write_curves}[sys.argv[1]]
    write(*map(int, sys.argv[2:]))
    while prepare():
        pass


def write_runs(experiment_id: int, count: int) -> None:
    """Write finished runs with params, tags and metrics, all in one segment each."""
    from django.db import connection, transaction

    from tracking.runs.models import Experiment, Run
    from tracking.runs.services import intern_keys
    from tracking.runs.types import KeyKind

    experiment = Experiment.objects.get(pk=experiment_id)
    tags = [f"t{place}" for place in range(contents.TAGS)]
    names = {
        KeyKind.PARAM: [f"p{place}" for place in range(contents.PARAMS)],
        KeyKind.TAG: [*tags, "mlflow.user", "mlflow.runName"],
        KeyKind.METRIC: [f"m{place}" for place in range(contents.METRICS)],
    }
    keys = {kind: intern_keys(experiment_id=experiment_id, kind=kind, names=some) for kind, some in names.items()}
    newest = Run.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    with connection.cursor() as cursor:
        for start in range(0, count, RUNS_AT_ONCE):
            runs = range(start, min(count, start + RUNS_AT_ONCE))
            with transaction.atomic():
                for table, columns in TABLES.items():
                    rows = _rows_of(table, runs, newest + 1, experiment, keys)
                    _add(cursor, table, columns, rows)
        if connection.vendor == "postgresql":
            cursor.execute("SELECT setval(pg_get_serial_sequence('run', 'id'), (SELECT max(id) FROM run))")
            cursor.execute("ANALYZE")  # as autovacuum does; nobody does it for SQLite


def write_curves(experiment_id: int, points: int) -> None:
    """Give each run of an experiment a curve ``loss``, in segments as large requests leave them, and compact them."""
    from django.db import transaction

    from tracking.metrics.codec import encode_rows
    from tracking.metrics.models import MetricSegment, MetricSeries
    from tracking.metrics.services import compact
    from tracking.runs.models import Run
    from tracking.runs.services import intern_keys
    from tracking.runs.types import KeyKind

    key_id = intern_keys(experiment_id=experiment_id, kind=KeyKind.METRIC, names=["loss"])["loss"]
    for number, run in enumerate(Run.objects.filter(experiment_id=experiment_id).order_by("pk")):
        times, values = contents.curve(number, points)
        with transaction.atomic():
            for start in range(0, points, POINTS_AT_ONCE):
                steps = range(start, min(points, start + POINTS_AT_ONCE))
                some = slice(steps.start, steps.stop)
                payload = encode_rows([key_id] * len(steps), steps, times[some], values[some])
                MetricSegment.objects.create(run=run, payload=payload)
            MetricSeries.objects.create(
                run=run,
                key_id=key_id,
                latest_step=points - 1,
                latest_timestamp_ms=times[-1],
                latest_value=values[-1],
                min_value=min(values),
                max_value=max(values),
                first_step=0,
                last_step=points - 1,
                received=points,
                finite_sum=sum(values),
                finite_count=points,
            )
        while compact(run_id=run.pk):
            pass


def _rows_of(table: str, runs: range, first_pk: int, experiment: Any, keys: Mapping[Any, Mapping[str, int]]) -> Rows:
    from django.db import connection

    from tracking.core.clock import from_ms
    from tracking.metrics.codec import encode_rows
    from tracking.runs.types import KeyKind

    params, tags, metrics = (keys[kind] for kind in (KeyKind.PARAM, KeyKind.TAG, KeyKind.METRIC))
    adapt = connection.ops.adapt_datetimefield_value
    metric_ids = [metrics[f"m{place}"] for place in range(contents.METRICS)]
    for run in runs:
        pk, at = first_pk + run, contents.started_ms(run)
        values = [contents.metric(run, place) for place in range(contents.METRICS)]
        match table:
            case "run":
                began = from_ms(at)
                times = map(adapt, (began, began + timedelta(milliseconds=500)))
                home = (experiment.workspace_id, experiment.pk)
                yield pk, uuid.uuid4().hex, *home, f"run{run}", "bench", "FINISHED", *times, ""
            case "param":
                yield from ((pk, params[f"p{place}"], contents.param(run, place)) for place in range(contents.PARAMS))
            case "run_tag":
                yield from ((pk, tags[f"t{place}"], contents.tag(run, place)) for place in range(contents.TAGS))
                yield pk, tags["mlflow.user"], "bench"
                yield pk, tags["mlflow.runName"], f"run{run}"
            case "metric_series":
                for key_id, value in zip(metric_ids, values, strict=True):
                    yield pk, key_id, 0, at, value, value, value, 0, 0, 1, value, 1
            case "metric_segment":
                nought = [0] * len(values)
                yield pk, encode_rows(metric_ids, nought, [at] * len(values), values)
            case "run_document":
                yield pk, 1


def _add(cursor: Any, table: str, columns: str, rows: Rows) -> None:
    """Add rows in the fastest way that the database has."""
    if cursor.db.vendor == "sqlite":
        marks = ", ".join(["%s"] * (columns.count(",") + 1))
        cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608
        return
    while some := "".join("\t".join(map(_copied, row)) + "\n" for row in islice(rows, 20_000)):
        cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN", io.StringIO(some))


def _copied(value: object) -> str:
    if isinstance(value, bytes):
        return rf"\\x{value.hex()}"
    return repr(value) if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
