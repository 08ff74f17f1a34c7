"""What holds for every store: which paths it takes, which entries it shows, and what it says."""

import logging
from collections.abc import Iterable, Iterator
from typing import Final

from tracking.artifacts.paths import ArtifactPath, is_valid_name
from tracking.core.errors import ConflictError, InvalidParameterError, NotFoundError

logger = logging.getLogger(__name__)

CHUNK_BYTES: Final = 1024 * 1024
LIST_LIMIT: Final = 1000
PARTIAL_DIR: Final = ".partial"


def require_visible(path: ArtifactPath) -> None:
    """Refuse the folder of unfinished uploads, on every store, so that a tree can move from one to another."""
    if path.parts and path.parts[0].lower() == PARTIAL_DIR:
        raise InvalidParameterError(f"Invalid path: '{path}': '{PARTIAL_DIR}' is reserved")


def require_file_path(path: ArtifactPath) -> None:
    """Refuse what can be neither a file nor a tree to delete."""
    require_visible(path)
    if path.is_root:
        raise InvalidParameterError("Invalid path: '': the root of the artifacts is a directory and stays")


def is_shown(directory: ArtifactPath, name: str, after: str | None) -> bool:
    """Whether an entry belongs on a page of its directory."""
    if after is not None and name <= after:
        return False
    if is_valid_name(name):
        return not (directory.is_root and name.lower() == PARTIAL_DIR)
    logger.warning("Artifact %r in '%s' is left out: no client can ask for that name", name, directory)
    return False


def counted(chunks: Iterable[bytes], path: ArtifactPath, size_bytes: int | None) -> Iterator[bytes]:
    """Pass the chunks on; fail if they are more or fewer bytes than promised, and as soon as they are more."""
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if size_bytes is not None and received > size_bytes:
            raise InvalidParameterError(f"Artifact '{path}': {size_bytes} bytes were promised and more came")
        yield chunk
    if size_bytes is not None and received < size_bytes:
        raise InvalidParameterError(f"Artifact '{path}': {size_bytes} bytes were promised and {received} came")


def missing(path: ArtifactPath) -> NotFoundError:
    return NotFoundError(f"No such artifact: '{path}'")


def is_a_directory(path: ArtifactPath) -> InvalidParameterError:
    return InvalidParameterError(f"Invalid path: '{path}' is a directory")


def below_a_file(path: ArtifactPath, where: str) -> InvalidParameterError:
    return InvalidParameterError(f"Invalid path: '{path}': '{where}' is not a directory")


def replaced(path: ArtifactPath) -> ConflictError:
    return ConflictError(f"Artifact '{path}' was replaced while it was being read")
