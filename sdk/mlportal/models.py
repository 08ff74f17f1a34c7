"""Logged models: what runs made, with their files."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlportal._artifacts import Artifacts, Progress, safe_target
from mlportal._mlflow import number_in
from mlportal._transport import quoted
from mlportal.errors import AlreadyExistsError, NotFoundError
from mlportal.versions import ModelVersion

if TYPE_CHECKING:
    from mlportal.workspace import Workspace

STATUS = {
    "LOGGED_MODEL_PENDING": "Pending",
    "LOGGED_MODEL_READY": "Ready",
    "LOGGED_MODEL_UPLOAD_FAILED": "Failed",
}


@dataclass(frozen=True)
class Model:
    """A logged model as it was when it was read. ``status``: Pending, Ready or Failed; ``created_at``: aware, UTC.

    ``metrics``: the last value of each; ``run_id``: the run that made it, or None.
    """

    id: str
    name: str
    model_type: str
    status: str
    created_at: datetime
    experiment_id: str
    run_id: str | None
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    metrics: Mapping[str, float]
    _workspace: Workspace = field(repr=False, compare=False)
    _artifact_uri: str = field(repr=False, compare=False)

    @classmethod
    def get(cls, workspace: Workspace, model_id: str) -> Model:
        """Return a logged model. :raises NotFoundError: if there is none with this id."""
        return _model(workspace, workspace._mlflow.get(f"logged-models/{quoted(model_id)}", {})["model"])

    @classmethod
    def list(
        cls,
        workspace: Workspace,
        name: str | None = None,
        tags: Mapping[str, str] | None = None,
        *,
        run_id: str | None = None,
        latest: bool = False,
    ) -> builtins.list[Model]:
        """Return the logged models of a workspace, newest first; only those with this name, all these tags, this run.

        ``latest``: of each name the newest. A request for each hundred.
        """
        experiment_ids = [row.experiment_id for row in workspace._mlflow.list_experiments(view="ACTIVE_ONLY")]
        found = [_model(workspace, row) for row in workspace._mlflow.search_models(experiment_ids)]
        kept = [
            one
            for one in sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)
            if name in (None, one.name) and run_id in (None, one.run_id) and (tags or {}).items() <= one.tags.items()
        ]
        return [*{one.name: one for one in reversed(kept)}.values()][::-1] if latest else kept

    def get_file_names(self) -> builtins.list[str]:
        """Return the names of its files. A request for each folder."""
        return [row.path for row in self._files.walk()]

    def download(
        self, target_dir: str | os.PathLike[str] = ".", exist_ok: bool = False, *, progress: Progress | None = None
    ) -> Path:
        """Store its files in ``target_dir``, in a folder of the model's name, and return that.

        :raises AlreadyExistsError: if the folder is there, unless ``exist_ok``.
        :raises NotFoundError: if the model has no files.
        """
        folder = safe_target(Path(target_dir), self.name)
        rows = [*self._files.walk()]
        if not rows:
            raise NotFoundError(f"Model {self.name!r} ({self.id}) has no files.")
        if folder.exists() and not exist_ok:
            raise AlreadyExistsError(f"{folder} is there already: say exist_ok=True, or name another target_dir.")
        for row in rows:
            self._files.download(row.path, safe_target(folder, row.path), progress)
        return folder

    def register(
        self, name: str | None = None, *, tags: Mapping[str, str] | None = None, description: str = ""
    ) -> ModelVersion:
        """Register it as the next version of a model of this name, else of its own."""
        return ModelVersion.register(
            self._workspace, name or self.name, f"models:/{self.id}", tags=tags, description=description
        )

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; the others stay. This object keeps those it was read with."""
        pairs = [{"key": key, "value": str(value)} for key, value in tags.items()]
        self._workspace._mlflow.change_model("PATCH", f"{quoted(self.id)}/tags", {"tags": pairs})

    def delete(self) -> None:
        """Delete it; its files stay with its experiment until that goes."""
        self._workspace._mlflow.change_model("DELETE", quoted(self.id))

    @property
    def _files(self) -> Artifacts:
        return Artifacts(self._workspace._transport, self._workspace.name, self._artifact_uri)


def _model(workspace: Workspace, answer: Mapping[str, Any]) -> Model:
    info, data = answer["info"], answer.get("data", {})
    points = sorted(data.get("metrics", []), key=lambda one: (int(one.get("step", 0)), int(one["timestamp"])))
    return Model(
        id=info["model_id"],
        name=info.get("name", ""),
        model_type=info.get("model_type", ""),
        status=STATUS.get(info["status"], info["status"]),
        created_at=datetime.fromtimestamp(int(info["creation_timestamp_ms"]) / 1000, timezone.utc),
        experiment_id=info["experiment_id"],
        run_id=info.get("source_run_id"),
        tags={one["key"]: one.get("value", "") for one in info.get("tags", [])},
        properties={one["key"]: one.get("value", "") for one in data.get("params", [])},
        metrics={one["key"]: number_in(one["value"]) for one in points},
        _workspace=workspace,
        _artifact_uri=info["artifact_uri"],
    )
