"""Experiments: named collections of runs."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

from mlportal import deletions
from mlportal._filters import equals
from mlportal._mlflow import ExperimentRow
from mlportal._times import parse_time
from mlportal.deletions import Deletion
from mlportal.errors import AlreadyExistsError, ConflictError, InvalidError, NotFoundError
from mlportal.run import Run
from mlportal.workspace import Workspace, named_workspace

ARCHIVED_AT, ARCHIVED_NAME = "mlportal.archived_at", "mlportal.archived_name"
NAME = re.compile(r"[^\s].{0,498}[^\s]|[^\s]", re.DOTALL)


class Experiment:
    """An experiment of a workspace, named; it is created when its first run starts.

    ``workspace``: a Workspace, or the name of one (on the server that config.json names).
    """

    def __init__(self, workspace: Workspace | str, name: str) -> None:
        if not NAME.fullmatch(name):
            raise InvalidError(
                f"An experiment's name has 1 to 500 characters and no blanks around them, not {name[:80]!r}."
            )
        self.workspace = named_workspace(workspace)
        self.name = name
        self._row: ExperimentRow | None = None

    def __repr__(self) -> str:
        """Return how to make it again."""
        return f"Experiment({self.workspace!r}, {self.name!r})"

    @classmethod
    def list(cls, workspace: Workspace | str, *, include_archived: bool = False) -> builtins.list[Experiment]:
        """Return the experiments of a workspace, newest first; archived ones only if asked for."""
        home = named_workspace(workspace)
        rows = home._mlflow.list_experiments(view="ACTIVE_ONLY")
        return [cls._of(home, row) for row in rows if include_archived or ARCHIVED_AT not in row.tags]

    @classmethod
    def get(cls, workspace: Workspace | str, experiment_id: str) -> Experiment:
        """Return the experiment with this id. :raises NotFoundError: if there is none."""
        home = named_workspace(workspace)
        return cls._of(home, home._mlflow.get_experiment(experiment_id))

    @classmethod
    def _of(cls, workspace: Workspace, row: ExperimentRow) -> Experiment:
        experiment = cls.__new__(cls)  # mlflow gives names that are refused above
        experiment.workspace, experiment.name, experiment._row = workspace, row.name, row
        return experiment

    @property
    def id(self) -> str:
        """Its id. :raises NotFoundError: if it does not exist yet."""
        return self._known().experiment_id

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags, as the server has them now."""
        self._row = None
        return self._known().tags

    @property
    def archived_time(self) -> datetime | None:
        """When it was archived (aware, UTC), or None."""
        return parse_time(self.tags.get(ARCHIVED_AT))

    @property
    def portal_url(self) -> str:
        """The address of its page."""
        return f"{self.workspace.portal_url}/experiments/{self.id}"

    def exists(self) -> bool:
        """Tell whether the server has it."""
        return self._row is not None or self._find() is not None

    def start_logging(
        self,
        outputs: str | None = None,
        snapshot_directory: str | None = None,
        *,
        display_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        """Start a run and return it; the experiment is created if need be.

        ``outputs``: a folder that is uploaded as ``outputs/`` when the run completes. ``snapshot_directory``: None;
        ``upload_folder`` uploads files. ``display_name`` None: the server makes one up.

        :raises ConflictError: if an experiment of this name is in the trash.
        """
        if snapshot_directory is not None:
            raise InvalidError("Snapshots are not taken; upload what the run needs: run.upload_folder('code', folder).")
        return Run._start(
            self.workspace, experiment_id=self._ensure(), name=display_name, tags=tags or {}, outputs=outputs
        )

    def get_runs(
        self,
        type: str | None = None,
        tags: Mapping[str, str] | str | None = None,
        properties: Mapping[str, str] | None = None,
        include_children: bool = False,
        *,
        filter: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Run]:
        """Yield its runs, newest first; none if it does not exist yet.

        ``tags``: a tag they have, or tags with their values; ``properties``: params; ``filter``: in MLflow's grammar,
        e.g. ``"metrics.loss < 0.1"``. Child runs only with ``include_children``. ``type`` means nothing here.
        """
        if not self.exists():
            return
        clauses = [
            *equals("tags", tags),
            *equals("params", properties),
            *([] if include_children else ["tags.mlflow.parentRunId IS NULL"]),
            *([filter] if filter else []),
        ]
        rows = self.workspace._mlflow.search_runs(
            experiment_ids=[self.id], filter_=" AND ".join(clauses), order_by=["start_time DESC"], limit=limit
        )
        yield from (Run._of(self.workspace, row) for row in rows)

    def tag(self, key: str, value: str | None = None) -> None:
        """Set a tag."""
        self.set_tags({key: value or ""})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; the others stay."""
        for key, value in tags.items():
            self._change("set-experiment-tag", key=key, value=value)

    def archive(self) -> None:
        """Hide it from lists; its runs stay. Its name becomes free: the next run under it starts a new experiment."""
        now = datetime.now(timezone.utc).replace(microsecond=0)
        name = self.name
        self.set_tags({ARCHIVED_AT: now.isoformat(), ARCHIVED_NAME: name})
        self._rename(f"{name[:450]} (archived {now:%Y-%m-%d %H:%M:%S})")

    def reactivate(self, new_name: str | None = None) -> None:
        """Bring it back from the archive, under its old name or a new one.

        :raises AlreadyExistsError: if that name is taken meanwhile.
        """
        name = new_name or self.tags.get(ARCHIVED_NAME) or self.name
        if name != self.name:
            self._rename(name)
        for key in (ARCHIVED_AT, ARCHIVED_NAME):
            if key in self.tags:
                self._change("delete-experiment-tag", key=key)

    def delete(
        self,
        *,
        purge: bool = False,
        no_wait: bool = False,
        even_running: bool = False,
        timeout_s: float | None = None,
    ) -> Deletion | None:
        """Move it with its runs to the trash (returns None), or, with ``purge``, delete both for good.

        :raises ConflictError: if a lock forbids a purge, or a run still runs and not ``even_running``.
        :raises DeletionFailedError: if a purge stops before its end.
        """
        if not purge:
            self._change("delete")
            return None
        target = {"kind": "experiment", "workspace": self.workspace.name, "experiment_id": self.id}
        return deletions.delete(
            self.workspace._transport, target, even_running=even_running, no_wait=no_wait, timeout_s=timeout_s
        )

    def restore(self) -> None:
        """Bring it and all its runs back from the trash."""
        found = self.workspace._mlflow.find_experiment(self.name)
        if found is None:
            raise NotFoundError(
                f"There is no experiment {self.name!r} in the trash of workspace {self.workspace.name!r}."
            )
        self.workspace._mlflow.change_experiment("restore", experiment_id=found.experiment_id)
        self._row = None

    def _ensure(self) -> str:
        """Return its id, after creating it if need be."""
        if self._row is None and self._find() is None:
            try:
                return self.workspace._mlflow.create_experiment(self.name)
            except AlreadyExistsError:  # another process was quicker
                pass
        return self.id

    def _find(self) -> ExperimentRow | None:
        found = self.workspace._mlflow.find_experiment(self.name)
        if found is not None and found.lifecycle_stage == "deleted":
            raise ConflictError(
                f"Experiment {self.name!r} is in the trash: restore() it, or delete(purge=True) it to free its name."
            )
        self._row = found
        return found

    def _known(self) -> ExperimentRow:
        found = self._row or self._find()
        if found is None:
            raise NotFoundError(
                f"Experiment {self.name!r} does not exist yet in {self.workspace.name!r}; its first run creates it."
            )
        return found

    def _rename(self, name: str) -> None:
        self._change("update", new_name=name)
        self.name, self._row = name, None

    def _change(self, verb: str, **body: str) -> None:
        self.workspace._mlflow.change_experiment(verb, experiment_id=self.id, **body)
