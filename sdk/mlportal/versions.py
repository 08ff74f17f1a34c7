"""Registered models: names under which versions of a model are kept, and aliases that point to one of them."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlportal._artifacts import SCHEME, Artifacts, Progress, safe_target
from mlportal.errors import AlreadyExistsError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from mlportal.workspace import Workspace


@dataclass(frozen=True)
class ModelVersion:
    """A version of a registered model as it was when it was read. ``created_at``: aware, UTC.

    ``id``: ``name:version``, as Azure ML has it; ``run_id``: the run that it comes from, or None; ``stage``: None (the
    word), Staging, Production or Archived; ``location``: where its files are.
    """

    id: str
    name: str
    version: int
    aliases: tuple[str, ...]
    stage: str
    description: str
    created_at: datetime
    run_id: str | None
    tags: Mapping[str, str]
    source: str
    _workspace: Workspace = field(repr=False, compare=False)

    @classmethod
    def get(
        cls, workspace: Workspace, name: str, version: int | str | None = None, *, alias: str | None = None
    ) -> ModelVersion:
        """Return a version of a registered model: this one, the one of an alias, else the newest.

        :raises NotFoundError: if there is none.
        """
        if version is not None:
            answer = workspace._mlflow.get("model-versions/get", {"name": name, "version": str(version)})
        else:
            answer = workspace._mlflow.get("registered-models/alias", {"name": name, "alias": alias or "latest"})
        return _version(workspace, answer["model_version"])

    @classmethod
    def list(
        cls,
        workspace: Workspace,
        name: str | None = None,
        tags: Mapping[str, str] | None = None,
        *,
        run_id: str | None = None,
        latest: bool = False,
    ) -> builtins.list[ModelVersion]:
        """Return versions by name, the newest first; only of this model, with all these tags, of this run.

        ``latest``: of each name the newest. Prompts are left out. A request for each thousand.
        """
        found = [_version(workspace, row) for row in workspace._mlflow.model_versions(name, with_prompts=False)]
        kept = [
            one
            for one in sorted(found, key=lambda one: (one.name, -one.version))
            if run_id in (None, one.run_id) and (tags or {}).items() <= one.tags.items()
        ]
        return [*{one.name: one for one in reversed(kept)}.values()][::-1] if latest else kept

    @classmethod
    def register(
        cls,
        workspace: Workspace,
        name: str,
        source: str,
        *,
        run_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str = "",
    ) -> ModelVersion:
        """Register the next version of a model, and the model with its first.

        ``source``: ``models:/<id of a logged model>``, ``models:/<name>/<version>``, ``runs:/<run>/<path>`` or a place
        elsewhere (``s3://…``), which the server does not look at.

        :raises InvalidError: if the source is no such address.
        :raises NotFoundError: if what it names is not there.
        """
        scheme, _, rest = source.partition(":/")
        with suppress(AlreadyExistsError):
            workspace._mlflow.post("registered-models/create", {"name": name}, may_repeat=False)
        is_logged = scheme == "models" and "/" not in rest and "@" not in rest
        body = {
            "name": name,
            "source": source,
            "run_id": rest.partition("/")[0] if scheme == "runs" else run_id,
            "model_id": rest if is_logged else None,
            "tags": [{"key": key, "value": str(value)} for key, value in (tags or {}).items()],
            "description": description,
        }
        answer = workspace._mlflow.post("model-versions/create", body, may_repeat=False)
        return _version(workspace, answer["model_version"])

    @property
    def location(self) -> str:
        """Where its files are, by MLflow's address. A request."""
        named = {"name": self.name, "version": str(self.version)}
        answer = self._workspace._mlflow.get("model-versions/get-download-uri", named)
        return str(answer["artifact_uri"])

    def get_file_names(self) -> builtins.list[str]:
        """Return the names of its files. A request for each folder."""
        return [row.path for row in self._files().walk()]

    def download(
        self, target_dir: str | os.PathLike[str] = ".", exist_ok: bool = False, *, progress: Progress | None = None
    ) -> Path:
        """Store its files in ``target_dir``, in a folder of the model's name, and return that.

        :raises AlreadyExistsError: if the folder is there, unless ``exist_ok``.
        :raises NotFoundError: if it has no files.
        :raises InvalidError: if they are not on this server.
        """
        folder, files = safe_target(Path(target_dir), self.name), self._files()
        rows = [*files.walk()]
        if not rows:
            raise NotFoundError(f"Model {self.id} has no files.")
        if folder.exists() and not exist_ok:
            raise AlreadyExistsError(f"{folder} is there already: say exist_ok=True, or name another target_dir.")
        for row in rows:
            files.download(row.path, safe_target(folder, row.path), progress)
        return folder

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; the others stay. This object keeps those it was read with."""
        for key, value in tags.items():
            self._post("model-versions/set-tag", key=key, value=str(value))

    def set_alias(self, alias: str) -> None:
        """Let an alias point to this version, and no longer to another one."""
        self._post("registered-models/alias", alias=alias)

    def delete_alias(self, alias: str) -> None:
        """Delete an alias of its model."""
        self._workspace._mlflow.change("DELETE", "registered-models/alias", {"name": self.name, "alias": alias})

    def delete(self) -> None:
        """Delete this version with its aliases; its files stay, and its number is not given again."""
        named = {"name": self.name, "version": str(self.version)}
        self._workspace._mlflow.change("DELETE", "model-versions/delete", named)

    def _post(self, path: str, **body: str) -> None:
        self._workspace._mlflow.post(path, {"name": self.name, "version": str(self.version), **body})

    def _files(self) -> Artifacts:
        location = self.location
        if location.startswith("runs:/"):
            run_id, _, path = location[len("runs:/") :].partition("/")
            location = f"{self._workspace._mlflow.get_run(run_id).artifact_uri}/{path}"
        if not location.startswith(SCHEME):
            raise InvalidError(f"The files of {self.id} are not on this server but at {location}.")
        return Artifacts(self._workspace._transport, self._workspace.name, location)


def delete_registered(workspace: Workspace, name: str) -> None:
    """Delete a registered model with all its versions and aliases; their files stay.

    :raises NotFoundError: if there is none of this name.
    """
    workspace._mlflow.change("DELETE", "registered-models/delete", {"name": name})


def _version(workspace: Workspace, answer: Mapping[str, Any]) -> ModelVersion:
    return ModelVersion(
        id=f"{answer['name']}:{answer['version']}",
        name=answer["name"],
        version=int(answer["version"]),
        aliases=tuple(answer.get("aliases", ())),
        stage=answer.get("current_stage", "None"),
        description=answer.get("description", ""),
        created_at=datetime.fromtimestamp(int(answer["creation_timestamp"]) / 1000, timezone.utc),
        run_id=answer.get("run_id"),
        tags={one["key"]: one.get("value", "") for one in answer.get("tags", [])},
        source=answer["source"],
        _workspace=workspace,
    )
