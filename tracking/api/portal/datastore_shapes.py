"""What the routes of datastores answer with."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from tracking.artifacts.types import FileInfo
from tracking.datastores.types import DatastoreRow, Kind


class Datastore(msgspec.Struct):
    """A datastore; ``config`` depends on the kind, ``location`` says the same in one text. Never its credentials."""

    name: str
    kind: Kind
    config: Mapping[str, str]
    location: str
    has_credentials: bool
    is_default: bool
    created_by: str
    created_at: datetime


class Datastores(msgspec.Struct):
    """A page of datastores."""

    datastores: Sequence[Datastore]
    next_page_token: str | None


class File(msgspec.Struct):
    """An entry of a folder; ``name`` is relative to it. A folder has neither size nor time."""

    name: str
    is_dir: bool
    size_bytes: int | None
    modified_at: datetime | None


class Files(msgspec.Struct):
    """A page of a folder."""

    files: Sequence[File]
    next_page_token: str | None


class Link(msgspec.Struct):
    """Where one file goes or comes from, by ``method`` with ``headers``.

    ``goes_through_server`` false: the address needs no token and works until ``expires_at``. True: it is this
    server's, and takes a token as every address here.
    """

    url: str
    method: str
    headers: Mapping[str, str]
    expires_at: datetime | None
    goes_through_server: bool


class Freed(msgspec.Struct):
    """What a deletion of files freed."""

    bytes_freed: int


class Unregistered(msgspec.Struct):
    """A datastore that is no more, and what became of its files."""

    name: str
    note: str


def datastore(row: DatastoreRow) -> Datastore:
    """Return a datastore."""
    return Datastore(
        name=row.name,
        kind=row.kind,
        config=row.config,
        location=row.location,
        has_credentials=row.has_credentials,
        is_default=row.is_default,
        created_by=row.created_by,
        created_at=row.created_at,
    )


def file(info: FileInfo) -> File:
    """Return an entry of a folder."""
    return File(info.path, is_dir=info.is_dir, size_bytes=info.size_bytes, modified_at=info.modified_at)
