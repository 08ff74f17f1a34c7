"""Questions about datastores and the files in them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import named_within, the_store, workspace_folder
from tracking.artifacts.store import ArtifactStore, ObjectStore
from tracking.artifacts.types import FileInfo, ObjectHead
from tracking.core.errors import InvalidParameterError, InvalidStateError, NotFoundError, UnavailableError
from tracking.datastores.models import Datastore
from tracking.datastores.opening import endpoint_of, open_datastore, refusal_of
from tracking.datastores.sealing import unseal
from tracking.datastores.types import BUILT_IN, MAX_LINK_LIFE_S, DatastoreRow, Kind, Signed, Verb

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

ROOT: Final = ArtifactPath(())
BUILT_IN_FOLDER: Final = ArtifactPath(("datastore",))  # beside the folders of experiments, whose names are numbers


@dataclass(frozen=True, slots=True)
class Opened:
    """A datastore that can be read from and written to: a folder of a store."""

    name: str
    is_built_in: bool
    store: ArtifactStore
    folder: ArtifactPath

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        """Name the datastore where its service fails, and paths as the asker does; no cause is passed on, nor logged.

        :raises InvalidStateError: in place of "passing trouble", if the service refuses.
        """
        try:
            with named_within(self.folder):
                yield
        except UnavailableError as error:
            if refusal := refusal_of(error):
                raise InvalidStateError(f"Datastore {self.name!r}: {refusal}") from None
            raise UnavailableError(f"Datastore {self.name!r}: {error}") from None


def list_datastores(*, workspace: "Workspace", after: str = "", limit: int | None = None) -> list[DatastoreRow]:
    """Return the datastores of a workspace whose names come after ``after``, by name. One query."""
    found = list(Datastore.objects.filter(workspace=workspace).order_by("name"))
    has_default = any(row.is_default for row in found)
    rows = [_row(one) for one in found] + [_built_in(workspace, is_default=not has_default)]
    return sorted((row for row in rows if row.name > after), key=lambda row: row.name)[:limit]


def get_datastore(*, workspace: "Workspace", name: str) -> DatastoreRow:
    """Return a datastore. One query.

    :raises NotFoundError: if the workspace has none of this name.
    """
    if name == BUILT_IN:
        has_default = Datastore.objects.filter(workspace=workspace, is_default=True).exists()
        return _built_in(workspace, is_default=not has_default)
    return _row(find_registered(workspace=workspace, name=name))


def find_registered(*, workspace: "Workspace", name: str) -> Datastore:
    """Return the row of a datastore that was registered. One query.

    :raises NotFoundError: if the workspace has none of this name.
    """
    found = Datastore.objects.filter(workspace=workspace, name=name).first()
    if found is None:
        raise NotFoundError(f"Workspace {workspace.name!r} has no datastore {name[:80]!r}.")
    return found


def default_names(*, workspaces: Sequence[int]) -> dict[int, str]:
    """Return the name of each workspace's default datastore. One query."""
    chosen = Datastore.objects.filter(workspace__in=workspaces, is_default=True).values_list("workspace_id", "name")
    return dict.fromkeys(workspaces, BUILT_IN) | dict(chosen)


def count_registered(*, workspaces: Sequence[int]) -> int:
    """Return how many datastores were registered in these workspaces. One query."""
    return Datastore.objects.filter(workspace__in=workspaces).count()


def has_files(*, workspace: "Workspace") -> bool:
    """Tell whether anything is in the built-in datastore. No query."""
    return next(the_store().walk(workspace_folder(workspace) / BUILT_IN_FOLDER), None) is not None


def open_named(*, workspace: "Workspace", name: str) -> Opened:
    """Return a datastore ready to use; asks its service nothing. One query, none for the built-in one.

    :raises NotFoundError: if the workspace has none of this name.
    :raises InvalidStateError: if its credentials cannot be read any more.
    :raises InvalidParameterError: if it leads where none may lead now.
    """
    if name == BUILT_IN:
        return Opened(name, True, the_store(), workspace_folder(workspace) / BUILT_IN_FOLDER)
    found = find_registered(workspace=workspace, name=name)
    credentials = unseal(found.sealed, name=name)
    return Opened(name, False, open_datastore(Kind(found.kind), found.config, credentials), ROOT)


def list_files(
    *, workspace: "Workspace", name: str, path: ArtifactPath, after: str | None = None, limit: int
) -> list[FileInfo]:
    """Return a folder's entries by name, relative to it; nothing for one that does not exist. One query."""
    opened = open_named(workspace=workspace, name=name)
    with opened.errors_named():
        return opened.store.list_dir(_within(opened.folder, path), after=after, limit=limit)


def head_file(*, workspace: "Workspace", name: str, path: ArtifactPath) -> ObjectHead:
    """Return what is known of a file. One query.

    :raises NotFoundError: if there is none.
    """
    opened = open_named(workspace=workspace, name=name)
    with opened.errors_named():
        return opened.store.head(opened.folder / path)


def read_file(
    *, workspace: "Workspace", name: str, path: ArtifactPath, start: int = 0, end: int | None = None, etag: str | None
) -> Iterator[bytes]:
    """Stream the bytes from ``start`` up to, not including, ``end``. One query.

    :raises ConflictError: if ``etag`` is given and the file was replaced meanwhile.
    """
    opened = open_named(workspace=workspace, name=name)
    with opened.errors_named():
        chunks = opened.store.read(opened.folder / path, start=start, end=end, etag=etag)
    return _named_chunks(opened, chunks)


def sign(
    *, workspace: "Workspace", name: str, path: ArtifactPath, verb: Verb, life_s: int, now: datetime
) -> Signed | None:
    """Return an address that moves one file past the server; None where it must go through it. One query.

    Whoever has the address needs nothing else until it expires, and nothing takes it back.

    :raises InvalidParameterError: if the life is not 1 to MAX_LINK_LIFE_S seconds, or the path cannot be a file's.
    """
    if not 1 <= life_s <= MAX_LINK_LIFE_S:
        raise InvalidParameterError(f"Invalid value {life_s} for life_s: it must be 1 to {MAX_LINK_LIFE_S} seconds.")
    if path.is_root:
        raise InvalidParameterError("Invalid path: '': an address is signed for a file.")
    if name == BUILT_IN:
        return None
    found = find_registered(workspace=workspace, name=name)
    credentials = unseal(found.sealed, name=name)
    store = open_datastore(Kind(found.kind), found.config, credentials)
    # Azure signs with the account's key alone.
    if not isinstance(store, ObjectStore) or not credentials or "sas_token" in credentials:
        return None
    life = timedelta(seconds=life_s)
    with Opened(name, False, store, ROOT).errors_named():
        url = store.sign(path, method=verb.value.upper(), life=life)
    if url is None:
        return None
    headers = {"x-ms-blob-type": "BlockBlob"} if (found.kind, verb) == (Kind.AZURE_BLOB, Verb.PUT) else {}
    return Signed(url=url, method=verb.value.upper(), headers=headers, expires_at=now + life)


def _within(folder: ArtifactPath, path: ArtifactPath) -> ArtifactPath:
    return folder / path if path.parts else folder


def _named_chunks(opened: Opened, chunks: Iterator[bytes]) -> Iterator[bytes]:
    with opened.errors_named():
        yield from chunks


def _built_in(workspace: "Workspace", *, is_default: bool) -> DatastoreRow:
    return DatastoreRow(
        name=BUILT_IN,
        kind=Kind.BUILT_IN,
        config={},
        location=f"{workspace_folder(workspace)}/{BUILT_IN_FOLDER}",
        has_credentials=False,
        is_default=is_default,
        created_by="",
        created_at=workspace.created_at,
    )


def _row(found: Datastore) -> DatastoreRow:
    kind = Kind(found.kind)
    return DatastoreRow(
        name=found.name,
        kind=kind,
        config=found.config,
        location=location_of(kind, found.config),
        has_credentials=bool(found.sealed),
        is_default=found.is_default,
        created_by=found.created_by,
        created_at=found.created_at,
    )


def location_of(kind: Kind, config: Mapping[str, str]) -> str:
    """Say where the files of a registered datastore are."""
    if kind is Kind.LOCAL:
        return config["path"]
    bucket = config["bucket"] if kind is Kind.S3 else config["container"]
    return "/".join(filter(None, [endpoint_of(kind, config), bucket, config.get("prefix")]))
