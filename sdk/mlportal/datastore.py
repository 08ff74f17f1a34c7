"""Datastores: named places for files that belong to a workspace."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlportal._artifacts import FileRow, Progress, safe_target
from mlportal._pages import list_all
from mlportal._store_files import StoreFiles
from mlportal._transport import quoted
from mlportal.errors import AlreadyExistsError, InvalidError

if TYPE_CHECKING:
    from mlportal.workspace import Workspace

SIGNING = ("s3", "azure_blob")


class Datastore:
    """A datastore of a workspace. ``Datastore(ws, "data")`` asks the server for it, as ``Datastore.get`` does.

    ``kind``: built_in (``workspaceartifactstore``, which every workspace has), local, s3 or azure_blob.
    """

    def __init__(self, workspace: Workspace, name: str, *, _row: Mapping[str, Any] | None = None) -> None:
        self.workspace = workspace
        self.name = name
        self._path = f"{path_of(workspace)}/{quoted(name)}"
        self._row: Mapping[str, Any] = _row or workspace._transport.get(self._path)

    def __repr__(self) -> str:
        """Return what and where it is."""
        return f"Datastore(name={self.name!r}, kind={self.kind!r}, location={self.location!r})"

    # ---- registering and finding -----------------------------------------------------------------------------------

    @classmethod
    def get(cls, workspace: Workspace, datastore_name: str) -> Datastore:
        """Return a datastore. :raises NotFoundError: if the workspace has none of this name."""
        return cls(workspace, datastore_name)

    @classmethod
    def get_default(cls, workspace: Workspace) -> Datastore:
        """Return the workspace's default datastore."""
        return next(one for one in cls.list(workspace) if one.is_default)

    @classmethod
    def list(cls, workspace: Workspace) -> builtins.list[Datastore]:
        """Return the datastores of a workspace, by name."""
        rows = list_all(workspace._transport, path_of(workspace), "datastores")
        return [cls(workspace, row["name"], _row=row) for row in rows]

    @classmethod
    def register_local(
        cls,
        workspace: Workspace,
        datastore_name: str,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        skip_validation: bool = False,
    ) -> Datastore:
        """Register a folder of the server's machine, in one that its PORTAL_DATASTORE_ROOTS names.

        ``overwrite``: give a datastore of this name and kind these settings, instead of an error.

        :raises InvalidError: if the folder may not be one, or cannot be reached.
        :raises AlreadyExistsError: if the name is taken.
        """
        config = {"path": os.fspath(path)}
        return cls._register(
            workspace, datastore_name, "local", config, {}, overwrite=overwrite, skip_validation=skip_validation
        )

    @classmethod
    def register_s3(
        cls,
        workspace: Workspace,
        datastore_name: str,
        bucket_name: str,
        *,
        prefix: str = "",
        endpoint: str = "",
        region: str = "",
        access_key_id: str = "",
        secret_access_key: str = "",
        session_token: str = "",
        overwrite: bool = False,
        skip_validation: bool = False,
    ) -> Datastore:
        """Register a bucket of S3, or of what speaks its protocol at ``endpoint``. Without keys: a public one.

        The keys are kept encrypted on the server, and nobody is shown them again.

        :raises InvalidError: if it cannot be reached with them, unless ``skip_validation``.
        :raises AlreadyExistsError: if the name is taken, unless ``overwrite``.
        """
        config = {"bucket": bucket_name, "prefix": prefix, "endpoint": endpoint, "region": region}
        credentials = {
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
            "session_token": session_token,
        }
        return cls._register(
            workspace, datastore_name, "s3", config, credentials, overwrite=overwrite, skip_validation=skip_validation
        )

    @classmethod
    def register_azure_blob_container(
        cls,
        workspace: Workspace,
        datastore_name: str,
        container_name: str,
        account_name: str,
        sas_token: str | None = None,
        account_key: str | None = None,
        *,
        prefix: str = "",
        endpoint: str = "",
        overwrite: bool = False,
        skip_validation: bool = False,
    ) -> Datastore:
        """Register a container of Azure Blob Storage, with the account's key, a SAS token, or neither (public).

        :raises InvalidError, AlreadyExistsError: as ``register_s3``.
        """
        config = {"account": account_name, "container": container_name, "prefix": prefix, "endpoint": endpoint}
        credentials = {"sas_token": sas_token or "", "account_key": account_key or ""}
        return cls._register(
            workspace,
            datastore_name,
            "azure_blob",
            config,
            credentials,
            overwrite=overwrite,
            skip_validation=skip_validation,
        )

    register_azure_blob = register_azure_blob_container

    @classmethod
    def _register(
        cls,
        workspace: Workspace,
        name: str,
        kind: str,
        config: Mapping[str, str],
        credentials: Mapping[str, str],
        *,
        overwrite: bool,
        skip_validation: bool,
    ) -> Datastore:
        body = {"config": dict(config), "credentials": _given(credentials), "skip_validation": skip_validation}
        made = {**body, "name": name, "kind": kind, "config": _given(config)}
        try:
            row = workspace._transport.call("POST", path_of(workspace), body=made, may_repeat=False)
        except AlreadyExistsError:
            if not overwrite:
                raise
            present = cls.get(workspace, name)
            if present.kind != kind:
                raise InvalidError(
                    f"Datastore {name!r} is of kind {present.kind}, not {kind}: unregister it first."
                ) from None
            row = workspace._transport.call("PATCH", present._path, body=body)
        return cls(workspace, name, _row=row)

    # ---- what it is ------------------------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """What is behind it: built_in, local, s3 or azure_blob."""
        return str(self._row["kind"])

    @property
    def config(self) -> dict[str, str]:
        """Its settings, less its credentials, which nobody is shown."""
        return dict(self._row["config"])

    @property
    def location(self) -> str:
        """Where its files are, in one text."""
        return str(self._row["location"])

    @property
    def is_default(self) -> bool:
        """Whether it was the workspace's default when it was asked for."""
        return bool(self._row["is_default"])

    @property
    def has_credentials(self) -> bool:
        """Whether the server keeps credentials for it."""
        return bool(self._row["has_credentials"])

    def get_details(self) -> dict[str, Any]:
        """Return what the server knows of it, as it was when it was asked for."""
        return dict(self._row)

    def update(
        self,
        *,
        config: Mapping[str, str] | None = None,
        credentials: Mapping[str, str] | None = None,
        skip_validation: bool = False,
    ) -> None:
        """Change what is given of its settings (an empty text takes one away); ``credentials`` replaces them all.

        :raises InvalidError: if it cannot be reached then; if its endpoint or account changes and no credentials come.
        """
        body: dict[str, Any] = {"skip_validation": skip_validation}
        if config is not None:
            body["config"] = dict(config)
        if credentials is not None:
            body["credentials"] = dict(credentials)
        self._row = self.workspace._transport.call("PATCH", self._path, body=body)

    def set_as_default(self) -> None:
        """Make it the workspace's default."""
        self._row = self.workspace._transport.call("PATCH", self._path, body={"is_default": True})

    def unregister(self) -> None:
        """Have the server forget it and its credentials. Its files stay where they are.

        :raises InvalidError: for the built-in one, which goes with the workspace.
        """
        self.workspace._transport.call("DELETE", self._path)

    # ---- files -----------------------------------------------------------------------------------------------------

    @property
    def _files(self) -> StoreFiles:
        return StoreFiles(self.workspace._transport, self._path, is_direct=self.kind in SIGNING)

    def list_files(self, prefix: str = "", *, recursive: bool = True) -> builtins.list[FileRow]:
        """Return the files below the folder ``prefix``; with ``recursive`` False what lies in it, folders too.

        Rows have ``path``, ``is_folder`` and ``size_bytes``. A request for each folder.
        """
        folder = prefix.strip("/")
        return [*self._files.walk(folder)] if recursive else self._files.list_folder(folder)

    def upload(
        self,
        src_dir: str | os.PathLike[str],
        target_path: str = "",
        overwrite: bool = False,
        *,
        progress: Progress | None = None,
    ) -> builtins.list[str]:
        """Store every file below a folder in ``target_path``; links to folders are not followed.

        Return the paths of what was stored: files that are there already are left alone, unless ``overwrite``.
        ``progress`` is called with the number of bytes of each chunk.
        """
        folder = Path(src_dir)
        if not folder.is_dir():
            raise InvalidError(f"{folder} is not a folder. upload_files() takes files.")
        files = [Path(root, file) for root, _, names in os.walk(folder) for file in sorted(names)]
        return self.upload_files(files, folder, target_path, overwrite, progress=progress)

    def upload_files(
        self,
        files: Sequence[str | os.PathLike[str]],
        relative_root: str | os.PathLike[str] | None = None,
        target_path: str = "",
        overwrite: bool = False,
        *,
        progress: Progress | None = None,
    ) -> builtins.list[str]:
        """Store files in ``target_path``, by their last name, or by their path from ``relative_root`` if it is given.

        :raises InvalidError: if a file lies outside ``relative_root``, or two would have the same path.
        """
        target, remote = target_path.strip("/"), self._files
        named: dict[str, Path] = {}
        for file in map(Path, files):
            below = file.name if relative_root is None else _below(file, Path(relative_root))
            path = f"{target}/{below}" if target else below
            if path in named:
                raise InvalidError(f"{named[path]} and {file} would both be {path!r}. Give a relative_root.")
            named[path] = file
        present = set() if overwrite or not named else {row.path for row in remote.walk(target)}
        wanted = {path: file for path, file in named.items() if path not in present}
        for path, file in wanted.items():
            remote.upload(path, file, progress)
        return [*wanted]

    def download(
        self,
        target_path: str | os.PathLike[str] = ".",
        prefix: str = "",
        overwrite: bool = False,
        *,
        progress: Progress | None = None,
    ) -> builtins.list[Path]:
        """Store the file ``prefix``, or what lies below that folder, as ``target_path/<path in the datastore>``.

        Return where: files that are there already are left alone, unless ``overwrite``. Each comes whole or not at all.
        """
        remote, folder, below = self._files, Path(target_path), prefix.strip("/")
        paths = [row.path for row in remote.walk(below)]
        if below and not paths:
            above = below.rpartition("/")[0]
            paths = [row.path for row in remote.list_folder(above) if row.path == below and not row.is_folder]
        targets = {path: safe_target(folder, path) for path in paths}
        wanted = {path: target for path, target in targets.items() if overwrite or not target.exists()}
        for path, target in wanted.items():
            remote.download(path, target, progress)
        return [*wanted.values()]

    def delete_files(self, path: str) -> int:
        """Delete a file, or a folder with all in it, for good; return the bytes freed, 0 if nothing was there."""
        return self._files.delete(path.strip("/"))


def path_of(workspace: Workspace) -> str:
    """Return the address of a workspace's datastores in the REST API."""
    return f"api/v1/workspaces/{quoted(workspace.name)}/datastores"


def _below(file: Path, root: Path) -> str:
    try:
        return file.relative_to(root).as_posix()
    except ValueError:
        raise InvalidError(f"{file} does not lie in {root}, the relative_root.") from None


def _given(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
