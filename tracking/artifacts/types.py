"""What the artifact stores answer with, and the one error that only they have."""

from dataclasses import dataclass
from datetime import datetime

from tracking.core.errors import InvalidParameterError


@dataclass(frozen=True)
class FileInfo:
    """An entry of a directory; ``path`` is its name, relative to that directory.

    A directory has no size and no time: object stores do not know either.
    """

    path: str
    is_dir: bool
    size_bytes: int | None
    modified_at: datetime | None


@dataclass(frozen=True)
class StoredFile:
    """A file somewhere below a directory; ``path`` is relative to that, and may hold names that no upload can have."""

    path: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True)
class Cleared:
    """What a removal took away, and whether there is nothing left."""

    files: int
    size_bytes: int
    is_empty: bool


@dataclass(frozen=True, slots=True)
class FilesHeld:
    """How many files there are, and their bytes. ``is_exact`` False: there are more than were looked at."""

    files: int
    size_bytes: int
    is_exact: bool


@dataclass(frozen=True)
class ObjectHead:
    """What is known about a stored file without reading it.

    ``etag`` stands in its quotes, as in the header; it changes whenever the file is replaced.
    """

    size_bytes: int
    etag: str | None
    modified_at: datetime


class RangeNotSatisfiableError(InvalidParameterError):
    """A range request lies outside the file; ``size_bytes`` is how long the file is."""

    def __init__(self, message: str, *, size_bytes: int) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes
