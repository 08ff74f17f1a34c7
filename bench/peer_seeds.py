"""The same experiments written straight into the tables of MLflow and FastTrackML: through MLflow's API a hundred
thousand runs take four hours."""

import io
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from bench import contents
from bench.api import BORN_MS
from bench.servers import FastTrackMl, Server

ROWS_AT_ONCE = 20_000
RUN_COLUMNS = (
    "run_uuid", "name", "source_type", "source_name", "entry_point_name", "user_id", "status", "start_time",
    "end_time", "source_version", "lifecycle_stage", "artifact_uri", "experiment_id",
)  # fmt: skip
POINT_COLUMNS = ("key", "value", "timestamp", "step", "is_nan", "run_uuid")
Row = Sequence[object]


def searched_runs(server: Server, experiment_id: str, count: int) -> None:
    """Write finished runs with params, metrics and tags."""
    with server.database.connect() as connection:
        table = _Tables(server, connection)
        uids = table.add_runs(experiment_id, count)
        numbered = list(enumerate(uids))
        table.add("params", ("key", table.param_value, "run_uuid"), (
            (f"p{place}", contents.param(run, place), uid) for run, uid in numbered for place in range(contents.PARAMS)
        ))  # fmt: skip
        table.add("tags", ("key", "value", "run_uuid"), (
            (f"t{place}", contents.tag(run, place), uid) for run, uid in numbered for place in range(contents.TAGS)
        ))  # fmt: skip
        table.add("tags", ("key", "value", "run_uuid"), (
            (key, value, uid) for run, uid in numbered
            for key, value in (("mlflow.user", "bench"), ("mlflow.runName", f"run{run}"))
        ))  # fmt: skip
        for name in ("metrics", "latest_metrics"):
            table.add_points(name, (
                (f"m{place}", contents.metric(run, place), contents.started_ms(run), 0, uid)
                for run, uid in numbered for place in range(contents.METRICS)
            ))  # fmt: skip
    _analyze(server)


def curves(server: Server, experiment_id: str, runs: int, points: int) -> None:
    """Write runs with one metric of many points."""
    with server.database.connect() as connection:
        table = _Tables(server, connection)
        for run, uid in enumerate(table.add_runs(experiment_id, runs)):
            times, values = contents.curve(run, points)
            table.add_points("metrics", (("loss", values[step], times[step], step, uid) for step in range(points)))
            table.add_points("latest_metrics", [("loss", values[-1], times[-1], points - 1, uid)])
    _analyze(server)


def experiments(server: Server, count: int) -> None:
    """Write empty experiments."""
    with server.database.connect() as connection:
        table = _Tables(server, connection)
        ((highest,),) = table.rows("SELECT max(experiment_id) FROM experiments")
        more = (1,) if table.is_fasttrackml else ()
        columns = ("experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time")
        table.add("experiments", (*columns, *(["namespace_id"] if more else [])), (
            (highest + 1 + number, f"bulk-{number:05d}", "mlflow-artifacts:/bulk", "active", BORN_MS + number,
             BORN_MS + number, *more)
            for number in range(count)
        ))  # fmt: skip
        if server.database.path is None:  # these numbers were not taken from the sequence
            table.rows("SELECT setval(pg_get_serial_sequence('experiments', 'experiment_id'), max(experiment_id)) "
                       "FROM experiments")  # fmt: skip


class _Tables:
    """The tables of one server, through one connection. Their names and columns are the same, but for a few."""

    def __init__(self, server: Server, connection: Any) -> None:
        self.is_fasttrackml = isinstance(server, FastTrackMl)
        self.param_value = "value_str" if self.is_fasttrackml else "value"
        self._is_sqlite = server.database.path is not None
        self._cursor = connection.cursor()
        self._context = self.rows("SELECT id FROM contexts WHERE json = '{}'")[0][0] if self.is_fasttrackml else None
        if not self._is_sqlite:
            self._cursor.execute("SET session_replication_role = replica")  # no foreign key to check for each row

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        self._cursor.execute(query)
        return list(self._cursor.fetchall())

    def add_runs(self, experiment_id: str, count: int) -> list[str]:
        """Add finished runs and return their ids, the first started first."""
        uids = [uuid.uuid4().hex for _ in range(count)]
        columns, start = list(RUN_COLUMNS), 0
        if self.is_fasttrackml:
            columns.append("row_num")
            ((start,),) = self.rows("SELECT coalesce(max(row_num), -1) + 1 FROM runs")
        self.add("runs", columns, (
            (uid, f"run{run}", "UNKNOWN", "", "", "bench", "FINISHED", contents.started_ms(run),
             contents.started_ms(run) + 500, "", "active", f"mlflow-artifacts:/{experiment_id}/{uid}/artifacts",
             int(experiment_id), *([start + run] if self.is_fasttrackml else []))
            for run, uid in enumerate(uids)
        ))  # fmt: skip
        return uids

    def add_points(self, table: str, points: Iterable[tuple[str, float, int, int, str]]) -> None:
        """Add points (key, value, time, step, run) to ``metrics`` or ``latest_metrics``."""
        no = 0 if self._is_sqlite else False
        columns, more = list(POINT_COLUMNS), list[object]()
        if self.is_fasttrackml:
            columns += ["iter" if table == "metrics" else "last_iter", "context_id"]
            more = [1, self._context]
        rows = ((key, value, time, step, no, uid, *more) for key, value, time, step, uid in points)
        self.add(table, columns, rows)

    def add(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Add many rows in the fastest way that the database has."""
        names = ", ".join(f'"{column}"' for column in columns)
        if self._is_sqlite:
            marks = ", ".join("?" * len(columns))
            self._cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608
            return
        waiting = iter(rows)
        while some := "".join(_copied(row) for row in islice(waiting, ROWS_AT_ONCE)):
            self._cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN", io.StringIO(some))


def _copied(row: Row) -> str:
    return "\t".join(repr(value) if isinstance(value, float) else str(value) for value in row) + "\n"


def _analyze(server: Server) -> None:
    """Let the database know what it has, as it does by itself in the time that the API would have taken."""
    with suppress(Exception), server.database.connect() as connection:
        connection.cursor().execute("ANALYZE")
