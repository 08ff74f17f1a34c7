"""Workspaces: where experiments live, and where a tracking URI leads."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from mlportal import _keeper, _tokens, deletions
from mlportal._config import Config, read_config, resolve_endpoint, write_config
from mlportal._mlflow import MlflowApi
from mlportal._pages import list_all
from mlportal._transport import Transport, quoted
from mlportal.datastore import Datastore
from mlportal.deletions import Deletion, DeletionPlan
from mlportal.errors import AlreadyExistsError, ConfigError, InvalidError
from mlportal.groups import CAN_NOT_DELETE, Lock, ResourceGroup, add_lock, lock_of, remove_lock
from mlportal.mlflow_auth import NAME as AUTH_NAME

if TYPE_CHECKING:
    from mlportal.experiment import Experiment
    from mlportal.run import Run
    from mlportal.versions import ModelVersion

PATH = "api/v1/workspaces"


class Workspace:
    """A workspace of a server. Making one asks the server nothing; the first call does.

    ``workspace_name`` is unique on its server; ``resource_group`` is looked up when it is not given;
    ``subscription_id`` is kept for config.json and means nothing here. ``auth``: an access token, by default
    MLPORTAL_TOKEN or the one that `mlportal login` saved. ``endpoint``: the server, by default MLPORTAL_ENDPOINT, the
    one of `mlportal config set`, or the only one you are signed in at.
    """

    def __init__(
        self,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        auth: str | None = None,
        *,
        endpoint: str | None = None,
    ) -> None:
        if not workspace_name:
            raise InvalidError(
                "Workspace(...) needs workspace_name=. Workspace.from_config() reads it from config.json."
            )
        self.name = workspace_name
        self.subscription_id = subscription_id
        self.endpoint = resolve_endpoint(endpoint)
        self._resource_group = resource_group
        self._auth = auth
        self._transport = Transport(self.endpoint, token=auth)
        self._mlflow = MlflowApi(self._transport, workspace_name)

    def __repr__(self) -> str:
        """Return how to make it again, less the credential."""
        return f"Workspace(workspace_name={self.name!r}, endpoint={self.endpoint!r})"

    @classmethod
    def from_config(
        cls, path: str | os.PathLike[str] | None = None, auth: str | None = None, _file_name: str | None = None
    ) -> Workspace:
        """Return the workspace that config.json names: that of ``path`` (default: this folder) or of a folder above.

        Looked for in ``.mlportal/``, ``.azureml/``, ``aml_config/`` and the folder itself. Asks the server nothing.

        :raises ConfigError: if there is none; the text says how to get one.
        """
        config = read_config(path, _file_name)
        return cls(config.subscription_id, config.resource_group, config.workspace_name, auth, endpoint=config.endpoint)

    @classmethod
    def get(
        cls,
        name: str,
        auth: str | None = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        *,
        endpoint: str | None = None,
    ) -> Workspace:
        """Return a workspace after asking the server for it.

        :raises NotFoundError: if there is none that you may see.
        :raises InvalidError: if it lies in another group than ``resource_group``.
        """
        workspace = cls(subscription_id, None, name, auth, endpoint=endpoint)
        if resource_group is not None and workspace.resource_group != resource_group:
            raise InvalidError(
                f"Workspace {name!r} lies in resource group {workspace.resource_group!r}, not in {resource_group!r}."
            )
        return workspace

    @classmethod
    def create(
        cls,
        name: str,
        auth: str | None = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        *,
        create_resource_group: bool = True,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        exist_ok: bool = False,
        endpoint: str | None = None,
    ) -> Workspace:
        """Create a workspace in ``resource_group`` (default: a group of its own name), and the group if need be.

        :raises AlreadyExistsError: if the name is taken on the server, unless ``exist_ok``.
        """
        group = resource_group or name
        workspace = cls(subscription_id, None, name, auth, endpoint=endpoint)
        if create_resource_group and not ResourceGroup.exists(group, endpoint=workspace.endpoint, auth=auth):
            ResourceGroup.create(group, exist_ok=True, endpoint=workspace.endpoint, auth=auth)
        body = {"name": name, "group": group, "description": description, "tags": dict(tags or {})}
        try:
            workspace._transport.call("POST", PATH, body=body, may_repeat=False)
        except AlreadyExistsError:
            if not exist_ok:
                raise
        return cls.get(name, auth, subscription_id, group, endpoint=workspace.endpoint)

    @classmethod
    def list(
        cls,
        subscription_id: str | None = None,
        auth: str | None = None,
        resource_group: str | None = None,
        *,
        endpoint: str | None = None,
    ) -> dict[str, builtins.list[Workspace]]:
        """Return the workspaces that you may see: name -> a list of one, as Azure ML has it."""
        transport = Transport(resolve_endpoint(endpoint), token=auth)
        return {
            row["name"]: [cls(subscription_id, row["group"], row["name"], auth, endpoint=transport.endpoint)]
            for row in list_workspaces(transport, group=resource_group)
        }

    @property
    def resource_group(self) -> str:
        """The name of its resource group; asked of the server once if it was not given."""
        if self._resource_group is None:
            self._resource_group = str(self.get_details()["group"])
        return self._resource_group

    @property
    def experiments(self) -> dict[str, Experiment]:
        """Its active experiments by name. One request for each thousand."""
        from mlportal.experiment import Experiment

        return {experiment.name: experiment for experiment in Experiment.list(self)}

    @property
    def datastores(self) -> dict[str, Datastore]:
        """Its datastores by name."""
        return {datastore.name: datastore for datastore in Datastore.list(self)}

    def get_default_datastore(self) -> Datastore:
        """Return its default datastore: ``workspaceartifactstore``, unless an owner chose another."""
        return Datastore.get_default(self)

    def set_default_datastore(self, name: str) -> None:
        """Make one of its datastores the default. :raises NotFoundError: if it has none of this name."""
        Datastore.get(self, name).set_as_default()

    @property
    def models(self) -> dict[str, ModelVersion]:
        """Its registered models by name: of each the newest version. One request for each thousand versions."""
        from mlportal.versions import ModelVersion

        return {version.name: version for version in ModelVersion.list(self, latest=True)}

    @property
    def locks(self) -> builtins.list[Lock]:
        """Its locks and those of its group."""
        return [lock_of(one) for one in self.get_details()["locks"]]

    def get_details(self) -> dict[str, Any]:
        """Return what the server knows: name, group, description, tags, state, locks, quota, usage, ..."""
        details: dict[str, Any] = self._transport.get(self._path)
        return details

    def get_run(self, run_id: str) -> Run:
        """Return a run of this workspace. :raises NotFoundError: if there is none."""
        from mlportal.run import Run

        return Run.get(self, run_id)

    def get_mlflow_tracking_uri(self, with_auth: bool = False, *, life_s: int = _tokens.LONGEST_LIFE_S) -> str:
        """Return the address for ``mlflow.set_tracking_uri``.

        Its token, good for this workspace's tracking API and ``life_s`` seconds (at most 3,600), is not in it: MLflow
        gets the token from this package's plugin, and it is renewed as long as this process or a child of it logs.
        Sets MLFLOW_TRACKING_AUTH and MLPORTAL_TOKEN_FILE in ``os.environ``.

        ``with_auth`` True: the token is in the address, which then does for another machine or language; nobody renews
        it. MLflow prints the address it was given.

        :raises NotSignedInError: if there is no credential to make a token with.
        """
        if not 1 <= life_s <= _tokens.LONGEST_LIFE_S:
            raise InvalidError(f"life_s must be 1 to {_tokens.LONGEST_LIFE_S} seconds, it is {life_s}.")
        token = _tokens.mint(self._transport, workspace=self.name, life_s=life_s)
        if with_auth:
            parts = urlsplit(token.tracking_uri)
            return parts._replace(netloc=f"token:{quote(token.token, safe='')}@{parts.netloc}").geturl()
        _keeper.keep(token, credential=self._auth)
        os.environ["MLFLOW_TRACKING_AUTH"] = AUTH_NAME
        return token.tracking_uri

    def write_config(self, path: str | os.PathLike[str] | None = None, file_name: str | None = None) -> Path:
        """Write ``<path>/.mlportal/config.json`` for ``from_config`` and return where; there is no token in it."""
        return write_config(
            Config(self.name, self.resource_group, self.subscription_id, self.endpoint), path, file_name
        )

    def update(
        self,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        resource_group: str | None = None,
    ) -> dict[str, Any]:
        """Change what is given and return the details. ``tags`` replace all there are; ``resource_group`` moves it."""
        given = {"description": description, "tags": None if tags is None else dict(tags), "group": resource_group}
        body = {key: value for key, value in given.items() if value is not None}
        details: dict[str, Any] = self._transport.call("PATCH", self._path, body=body)
        self._resource_group = str(details["group"])
        return details

    def lock(self, name: str, level: str = CAN_NOT_DELETE, *, note: str = "") -> Lock:
        """Lock the workspace. ``level``: CanNotDelete or ReadOnly."""
        return add_lock(self._transport, self._path, name=name, level=level, note=note)

    def unlock(self, name: str) -> None:
        """Remove a lock of its own. :raises NotFoundError: if it has none of this name."""
        remove_lock(self._transport, self._path, name)

    def plan_deletion(self) -> DeletionPlan:
        """Return what ``delete`` would take away; changes nothing."""
        return deletions.plan_deletion(self._transport, self._target())

    def delete(
        self,
        delete_dependent_resources: bool = True,
        no_wait: bool = False,
        *,
        even_running: bool = False,
        timeout_s: float | None = None,
        on_progress: Callable[[Deletion], None] | None = None,
    ) -> Deletion:
        """Delete the workspace with all that is in it, for good. Returns when it is done; at once with ``no_wait``.

        ``delete_dependent_resources`` is there for Azure ML's sake: what a workspace holds never outlives it.

        :raises ConflictError: if a lock forbids it, or a run still runs and not ``even_running``.
        :raises DeletionFailedError: if it stops before its end.
        """
        return deletions.delete(
            self._transport,
            self._target(),
            confirm=self.name,
            even_running=even_running,
            no_wait=no_wait,
            timeout_s=timeout_s,
            on_progress=on_progress,
        )

    @property
    def portal_url(self) -> str:
        """The address of its page."""
        return f"{self.endpoint}/{quoted('w', self.name)}"

    @property
    def _path(self) -> str:
        return f"{PATH}/{quoted(self.name)}"

    def _target(self) -> dict[str, str]:
        return {"kind": "workspace", "workspace": self.name}


def list_workspaces(transport: Transport, *, group: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield what the server knows of the workspaces that you may see, by name."""
    return list_all(transport, PATH, "workspaces", {"group": group})


def named_workspace(workspace: Workspace | str) -> Workspace:
    """Return a workspace that was given itself, or by name: on the server of config.json, else of the defaults."""
    if isinstance(workspace, Workspace):
        return workspace
    try:
        endpoint = read_config().endpoint
    except ConfigError:
        endpoint = None
    return Workspace(workspace_name=workspace, endpoint=endpoint)
