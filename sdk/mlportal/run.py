"""Runs: what was logged, and logging."""

from __future__ import annotations

import builtins
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from getpass import getuser
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Union

from mlportal import deletions
from mlportal._artifacts import Artifacts
from mlportal._filters import equals
from mlportal._kinds import PREFIX, Kind, read_metrics
from mlportal._mlflow import Point, RunRow
from mlportal._run_logs import ENDED, RunLogs
from mlportal._transport import quoted
from mlportal._waiting import wait_until
from mlportal._writer import MetricWriter
from mlportal.deletions import Deletion
from mlportal.errors import InvalidError, RunFailedError
from mlportal.versions import ModelVersion

if TYPE_CHECKING:
    from mlportal.experiment import Experiment
    from mlportal.workspace import Workspace

STATUS = {
    "RUNNING": "Running",
    "SCHEDULED": "Queued",
    "FINISHED": "Completed",
    "FAILED": "Failed",
    "KILLED": "Canceled",
}
PARENT, ERROR = "mlflow.parentRunId", "mlportal.error"
MOST_ERROR_CHARS = 8000
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
Number = Union[int, float]


class Run(RunLogs):
    """A run of a workspace.

    As a context manager it completes at the end of the block, and fails if the block raises. Metrics are sent by a
    thread within about a second; ``flush``, ``complete``, ``fail``, ``cancel`` and the process's end send the rest.
    """

    def __init__(self, workspace: Workspace, row: RunRow, *, is_new: bool = False, outputs: str | None = None) -> None:
        self.workspace = workspace
        self._row = row
        self._outputs = outputs
        self._steps: dict[str, int] = {} if is_new else {key: step + 1 for key, step in row.steps.items()}
        self._kinds: dict[str, Kind] = {}
        self._writer: MetricWriter | None = None

    def __repr__(self) -> str:
        """Return how to get it again."""
        return f"Run.get({self.workspace!r}, {self.id!r})"

    @classmethod
    def get(cls, workspace: Workspace, run_id: str) -> Run:
        """Return a run. :raises NotFoundError: if the workspace has none with this id."""
        return cls._of(workspace, workspace._mlflow.get_run(run_id))

    @classmethod
    def list(cls, experiment: Experiment, *, limit: int | None = None) -> Iterator[Run]:
        """Yield the runs of an experiment, newest first."""
        return experiment.get_runs(include_children=True, limit=limit)

    @classmethod
    def _of(cls, workspace: Workspace, row: RunRow) -> Run:
        return cls(workspace, row)

    @classmethod
    def _start(
        cls,
        workspace: Workspace,
        *,
        experiment_id: str,
        name: str | None,
        tags: Mapping[str, str],
        outputs: str | None = None,
    ) -> Run:
        row = workspace._mlflow.create_run(
            experiment_id=experiment_id,
            name=name,
            user=_user(),
            start_ms=_now_ms(),
            tags={"mlflow.user": _user(), "mlflow.source.type": "LOCAL", **tags},
        )
        return cls(workspace, row, is_new=True, outputs=outputs)

    # ---- what it is -------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Its id: 32 hexadecimal digits."""
        return self._row.run_id

    @property
    def name(self) -> str:
        """The name it is shown by."""
        return self._row.name

    display_name = name

    @property
    def type(self) -> str:
        """What started it: ``LOCAL``, ``JOB``, ``NOTEBOOK``, ...; empty if nobody said."""
        return self._row.tags.get("mlflow.source.type", "")

    @property
    def status(self) -> str:
        """Running, Queued, Completed, Failed or Canceled, as of the last look; ``get_status`` looks."""
        return STATUS[self._row.status]

    @property
    def started_at(self) -> datetime | None:
        """When it started (aware, UTC)."""
        return self._row.started_at

    @property
    def ended_at(self) -> datetime | None:
        """When it ended (aware, UTC); None while it runs."""
        return self._row.ended_at

    @property
    def tags(self) -> dict[str, str]:
        """Its tags, as the server has them now."""
        return dict(self._fresh().tags)

    @property
    def properties(self) -> dict[str, str]:
        """Its params, as the server has them now: written once, never changed."""
        return dict(self._fresh().params)

    def get_tags(self) -> dict[str, str]:
        """Return ``tags``."""
        return self.tags

    def get_properties(self) -> dict[str, str]:
        """Return ``properties``."""
        return self.properties

    @property
    def experiment(self) -> Experiment:
        """The experiment it belongs to."""
        from mlportal.experiment import Experiment

        return Experiment.get(self.workspace, self._row.experiment_id)

    @property
    def parent(self) -> Run | None:
        """The run that it is a child of, or None."""
        parent_id = self._row.tags.get(PARENT)
        return None if parent_id is None else Run.get(self.workspace, parent_id)

    def get_status(self) -> str:
        """Return its status as the server has it now."""
        self._fresh()
        return self.status

    def get_details(self) -> dict[str, Any]:
        """Return what is known about it, under Azure ML's keys; times are ISO 8601, UTC, or None."""
        row = self._fresh()
        return {
            "runId": row.run_id,
            "target": "local",
            "status": STATUS[row.status],
            "startTimeUtc": row.started_at.isoformat() if row.started_at else None,
            "endTimeUtc": row.ended_at.isoformat() if row.ended_at else None,
            "properties": dict(row.params),
            "tags": dict(row.tags),
            "submittedBy": row.user,
            "error": row.tags.get(ERROR),
        }

    def get_portal_url(self) -> str:
        """Return the address of its page."""
        return f"{self.workspace.portal_url}/runs/{quoted(self.id)}"

    # ---- logging ----------------------------------------------------------------------------------------------------

    def log(self, name: str, value: Number, description: str = "", step: int | None = None) -> None:
        """Log a number. ``step`` None: the next one of this metric, counted from 0.

        Logged once, ``get_metrics`` returns a number; logged again, a list.

        :raises InvalidError: if the value is no number, or the server refused what was logged before.
        """
        if description:
            self._describe(name, "scalar", description)
        self._add([self._point(name, value, step)])

    def log_list(self, name: str, value: Sequence[Number], description: str = "") -> None:
        """Log numbers as one metric, a step each."""
        self._describe(name, "list", description)
        self._add([self._point(name, one, None) for one in value])

    def log_row(self, name: str, description: str = "", **columns: Number) -> None:
        """Log a row of numbers: each becomes a step of the metric ``name/column``."""
        if not columns:
            raise InvalidError("log_row needs columns: log_row('epoch', loss=0.3, accuracy=0.9).")
        self._describe(name, "row", description)
        self._add([self._point(f"{name}/{column}", value, None) for column, value in columns.items()])

    def log_table(self, name: str, value: Mapping[str, Any], description: str = "") -> None:
        """Log columns of numbers, texts or None, all of one length (a scalar is a column of one), as ``<name>.json``.

        The file is what ``mlflow.load_table`` reads. The same name again replaces it.
        """
        columns = {key: [*column] if isinstance(column, (list, tuple)) else [column] for key, column in value.items()}
        if len({len(column) for column in columns.values()}) != 1:
            raise InvalidError(f"The columns of table {name!r} must have one length and there must be one at least.")
        table = {"columns": [*columns], "data": [[*row] for row in zip(*columns.values())]}
        path = f"{name}.json"
        self.upload_file(path, io.BytesIO(json.dumps(table).encode()))
        logged = json.loads(self.tags.get("mlflow.loggedArtifacts", "[]"))
        if {"path": path, "type": "table"} not in logged:
            self.tag("mlflow.loggedArtifacts", json.dumps([*logged, {"path": path, "type": "table"}]))
        self._describe(name, "table", description, path)

    def log_image(
        self, name: str, path: str | os.PathLike[str] | None = None, plot: Any = None, description: str = ""
    ) -> None:
        """Log a picture: a file, or a matplotlib figure or module. The same name again replaces it."""
        if (path is None) == (plot is None):
            raise InvalidError("log_image takes either path= (a file) or plot= (a matplotlib figure).")
        if path is not None:
            target = f"images/{name}{Path(path).suffix or '.png'}"
            self.upload_file(target, path)
        else:
            target = f"images/{name}.png"
            content = io.BytesIO()
            plot.savefig(content, format="png")
            content.seek(0)
            self.upload_file(target, content)
        self._describe(name, "image", description, target)

    def tag(self, key: str, value: str | None = None) -> None:
        """Set a tag."""
        self.set_tags({key: value or ""})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; the others stay."""
        self.workspace._mlflow.set_tags(self.id, {key: str(value) for key, value in tags.items()})

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Write params. :raises InvalidError: if one of them has another value already."""
        self.workspace._mlflow.log_params(self.id, {key: str(value) for key, value in properties.items()})

    def flush(self, timeout_seconds: float = 300) -> None:
        """Return when every metric is committed on the server.

        :raises TimedOutError: if that takes longer; the metrics still wait in memory.
        :raises MlportalError: why metrics were refused.
        """
        if self._writer is not None:
            self._writer.flush(timeout_s=timeout_seconds)

    # ---- reading ----------------------------------------------------------------------------------------------------

    def get_metrics(
        self,
        name: str | None = None,
        recursive: bool = False,
        run_type: str | None = None,
        populate: bool = False,
    ) -> dict[str, Any]:
        """Return metrics by name: a number where there is one value, else a list, in the order of their steps.

        What ``log_list`` wrote is a list always; what ``log_row`` wrote is ``{column: values}``; of a table or an image
        it is the path of the file, or, for a table with ``populate``, ``{column: values}``. ``name``: only this one.
        ``recursive``: ``{run id: metrics}`` of the run and all below it. A request for each metric; sends first
        what is not sent yet.
        """
        if recursive:
            runs = [self, *self.get_children(recursive=True)]
            return {run.id: run.get_metrics(name, populate=populate) for run in runs}
        self.flush()
        return read_metrics(self.workspace._mlflow, self._fresh(), name=name, populate=populate)

    def get_history(self, name: str) -> builtins.list[Point]:
        """Return every point of a metric (``value``, ``step``, ``timestamp_ms``), by step, then time."""
        self.flush()
        return self.workspace._mlflow.read_history(self.id, name)

    def get_last_metrics(self) -> dict[str, float]:
        """Return the last value of each metric. One request."""
        self.flush()
        return dict(self._fresh().metrics)

    # ---- its life ---------------------------------------------------------------------------------------------------

    def __enter__(self) -> Run:
        """Return the run itself."""
        return self

    def __exit__(
        self, kind: builtins.type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        """Complete it, or have it fail with what was raised."""
        if kind is None:
            self.complete()
        else:
            self.fail(f"{kind.__name__}: {error}")
        return False

    def start(self) -> None:
        """Say that it runs: again, after it had ended, or at last, after it was queued."""
        self._update(status="RUNNING")

    def complete(self) -> None:
        """Send what is left, upload ``outputs``, and say that it is done."""
        if self._outputs is not None:
            self.upload_folder("outputs", self._outputs)
        self.flush()
        self._update(status="FINISHED", end_time=_now_ms())

    def fail(self, error_details: str | BaseException | None = None, error_code: str | None = None) -> None:
        """Send what is left and say that it failed, and why (tag ``mlportal.error``)."""
        self.flush()
        if error_details is not None or error_code is not None:
            text = ": ".join(str(part) for part in (error_code, error_details) if part is not None)
            self.tag(ERROR, text[:MOST_ERROR_CHARS])
        self._update(status="FAILED", end_time=_now_ms())

    def cancel(self) -> None:
        """Send what is left and say that it was cancelled."""
        self.flush()
        self._update(status="KILLED", end_time=_now_ms())

    def register_model(
        self, model_name: str, model_path: str, tags: Mapping[str, str] | None = None, description: str = ""
    ) -> ModelVersion:
        """Register files of this run, a file or a folder of it, as the next version of a model."""
        source = f"runs:/{self.id}/{model_path.strip('/')}"
        return ModelVersion.register(self.workspace, model_name, source, tags=tags, description=description)

    def child_run(self, name: str | None = None, run_id: str | None = None, outputs: str | None = None) -> Run:
        """Start a child of this run. ``run_id``: None; the server makes ids."""
        if run_id is not None:
            raise InvalidError("The server makes run ids; leave run_id out.")
        return Run._start(
            self.workspace, experiment_id=self._row.experiment_id, name=name, tags={PARENT: self.id}, outputs=outputs
        )

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: Sequence[str] | None = None
    ) -> builtins.list[Run]:
        """Start ``count`` children, or one for each of ``tag_values``, which has it as tag ``tag_key``."""
        if (count is None) == (tag_values is None) or (tag_key is None) != (tag_values is None):
            raise InvalidError("create_children takes count=, or tag_key= and tag_values=.")
        tags: builtins.list[dict[str, str]] = (
            [{} for _ in range(count or 0)] if tag_values is None else [{str(tag_key): value} for value in tag_values]
        )
        return [
            Run._start(self.workspace, experiment_id=self._row.experiment_id, name=None, tags={PARENT: self.id, **one})
            for one in tags
        ]

    def get_children(
        self,
        recursive: bool = False,
        tags: Mapping[str, str] | str | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> Iterator[Run]:
        """Yield its children, newest first; with ``recursive`` also theirs, each after its parent."""
        clauses = [*equals("tags", {PARENT: self.id}), *equals("tags", tags), *equals("params", properties)]
        rows = self.workspace._mlflow.search_runs(
            experiment_ids=[self._row.experiment_id], filter_=" AND ".join(clauses), order_by=["start_time DESC"]
        )
        for row in rows:
            child = Run._of(self.workspace, row)
            yield child
            if recursive:
                yield from child.get_children(recursive=True, tags=tags, properties=properties)

    def wait_for_completion(
        self,
        show_output: bool = False,
        wait_post_processing: bool = False,
        raise_on_error: bool = True,
        *,
        timeout_s: float | None = None,
        on_status: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        """Return ``get_details()`` once it has ended. ``show_output`` prints each new status.

        Looks every half second at first, every 15 s in the end.

        :raises RunFailedError: if it failed or was cancelled, unless ``raise_on_error`` is False.
        :raises TimedOutError: if it takes longer than ``timeout_s``.
        """
        said = None

        def look() -> str:
            nonlocal said
            status = self.get_status()
            if status != said:
                said = status
                if show_output:
                    print(f"Run {self.id}: {status}")
                if on_status is not None:
                    on_status(status)
            return status

        status = wait_until(
            look,
            lambda status: status in ENDED,
            first_pause_s=FIRST_PAUSE_S,
            longest_pause_s=LONGEST_PAUSE_S,
            timeout_s=timeout_s,
            still=lambda status: f"Run {self.id} is still {status}",
        )
        if raise_on_error and status != "Completed":
            raise RunFailedError(f"Run {self.id} is {status}: {self._row.tags.get(ERROR, 'no reason is given')}")
        return self.get_details()

    def delete(
        self,
        *,
        purge: bool = False,
        no_wait: bool = False,
        even_running: bool = False,
        timeout_s: float | None = None,
    ) -> Deletion | None:
        """Move it to the trash (returns None), or, with ``purge``, delete it and its files for good.

        :raises ConflictError: if a lock forbids a purge, or a run still runs and not ``even_running``.
        :raises DeletionFailedError: if a purge stops before its end.
        """
        if not purge:
            self.workspace._mlflow.change_run("delete", self.id)
            return None
        target = {"kind": "run", "workspace": self.workspace.name, "run_ids": [self.id]}
        return deletions.delete(
            self.workspace._transport, target, even_running=even_running, no_wait=no_wait, timeout_s=timeout_s
        )

    def restore(self) -> None:
        """Bring it back from the trash."""
        self.workspace._mlflow.change_run("restore", self.id)

    # ---- inside -----------------------------------------------------------------------------------------------------

    @property
    def _files(self) -> Artifacts:
        return Artifacts(self.workspace._transport, self.workspace.name, self._row.artifact_uri)

    def _fresh(self) -> RunRow:
        self._row = self.workspace._mlflow.get_run(self.id)
        return self._row

    def _update(self, **body: object) -> None:
        self.workspace._mlflow.change_run("update", self.id, **body)
        self._fresh()

    def _add(self, points: Sequence[Point]) -> None:
        if self._writer is None:
            mlflow, run_id = self.workspace._mlflow, self.id  # not self: a writer outlives its run at exit
            self._writer = MetricWriter(lambda batch: mlflow.log_metrics(run_id, batch))
        self._writer.add(points)

    def _point(self, name: str, value: Number, step: int | None) -> Point:
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise InvalidError(
                f"Metric {name!r} takes a number, not {type(value).__name__} {str(value)[:80]!r}."
            ) from None
        if step is None:
            step = self._steps.get(name, 0)
        self._steps[name] = max(self._steps.get(name, 0), step + 1)
        return Point(name, number, _now_ms(), step)

    def _describe(self, name: str, kind: str, description: str = "", path: str | None = None) -> None:
        """Note how ``get_metrics`` is to return a name; once, if it does not change."""
        noted = Kind(kind, description, path)
        if self._kinds.get(name) != noted:
            self.tag(f"{PREFIX}{name}", noted.as_tag())
            self._kinds[name] = noted


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError, ImportError):  # a container's user often has no name
        return "unknown"
