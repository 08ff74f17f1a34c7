"""One seam over the artifact stores: a local folder, S3, Azure Blob and Google Cloud Storage.

``open_store`` chooses; everything else is the same whatever is behind it: the contract is ``ArtifactStore``.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import from_url

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.store.headers import guess_content_type, parse_range
from tracking.artifacts.store.local import LocalStore
from tracking.artifacts.store.objects import ObjectStore
from tracking.artifacts.store.rules import CHUNK_BYTES, LIST_LIMIT
from tracking.artifacts.types import Cleared, FileInfo, ObjectHead, StoredFile
from tracking.core.errors import InvalidParameterError

if TYPE_CHECKING:
    from obstore.store import RetryConfig

__all__ = ["ArtifactStore", "LocalStore", "ObjectStore", "guess_content_type", "open_store", "parse_range"]

_FORMS: Final = {
    "file": re.compile(r"file:///[^?#]+", re.IGNORECASE),
    "bucket": re.compile(r"[a-z0-9]+://[^/?#@]+(?:/[^?#]*)?", re.IGNORECASE),
}
# obstore would retry for three minutes and hold a thread of ours; the mlflow client repeats its request itself.
_RETRY_CONFIG: Final["RetryConfig"] = {"max_retries": 4, "retry_timeout": timedelta(seconds=30)}


class ArtifactStore(Protocol):
    """Files in directories. Safe to share between threads; a directory exists as long as something is in it.

    Every method raises ``UnavailableError`` if the disk or the service behind it fails, and
    ``InvalidParameterError`` for a path in ``.partial``, where the local store keeps unfinished uploads.
    """

    def put(self, path: ArtifactPath, chunks: Iterable[bytes], *, size_bytes: int | None) -> ObjectHead:
        """Write a file, or replace it as a whole; who finishes last wins.

        Nobody sees the file before all of it is stored. Whatever goes wrong, errors raised by ``chunks`` included,
        nothing of it remains and an older file stays as it was.

        :param size_bytes: what the sender promised; None if it did not.
        :raises InvalidParameterError: if another number of bytes came, or the path is a directory or lies below a file.
        """

    def head(self, path: ArtifactPath) -> ObjectHead:
        """Describe a file.

        :raises NotFoundError: if there is none.
        :raises InvalidParameterError: if the path is a directory.
        """

    def read(
        self,
        path: ArtifactPath,
        *,
        start: int = 0,
        end: int | None = None,
        etag: str | None = None,
        chunk_size: int = CHUNK_BYTES,
    ) -> Iterator[bytes]:
        """Return the bytes from ``start`` up to, not including, ``end`` (None: the end of the file) in chunks.

        The file is opened here, not at the first chunk, and all chunks are of the same version of it. Close the
        iterator if it is not read to its end.

        :param etag: the version that the caller has described already.
        :raises NotFoundError: if there is no such file.
        :raises InvalidParameterError: if the path is a directory.
        :raises ConflictError: if the file was replaced since ``etag``; an object store may say so between two chunks.
        """

    def list_dir(self, path: ArtifactPath, *, after: str | None = None, limit: int = LIST_LIMIT) -> list[FileInfo]:
        """Return the entries of one directory whose names come after ``after``, by name; a short page is the last.

        Empty for a file and for what does not exist. Links, unfinished uploads and names that no ``ArtifactPath``
        allows are left out. Each page costs a look at the whole directory.
        """

    def delete(self, path: ArtifactPath) -> int:
        """Remove a file or a tree and return the bytes freed; 0 if nothing was there. What is put meanwhile may stay.

        :raises InvalidParameterError: for the root.
        """

    def usage(self, path: ArtifactPath) -> tuple[int, int]:
        """Return the number of files at or below a path, and their bytes. Looks at every one of them."""

    def walk(self, path: ArtifactPath) -> Iterator[StoredFile]:
        """Yield every file at or below a path, in no order, as they are found; unfinished uploads are left out."""

    def clear(self, paths: Sequence[ArtifactPath], *, limit: int) -> Cleared:
        """Remove at most ``limit`` files at or below these paths, one after the other, and the directories with them.

        A tree of any size is removed by calls that each take a bounded time. What is put meanwhile may stay.

        :raises InvalidParameterError: for the root.
        """

    def sweep_partials(self, older_than: timedelta, now: datetime) -> int:
        """Remove unfinished uploads that nothing was written to for ``older_than``; return how many."""


def open_store(url: str) -> ArtifactStore:
    """Open the store at a URL; nothing is created or asked yet.

    An absolute path or ``file:///folder``, ``s3://bucket/prefix``, ``az://container/prefix``, ``gs://bucket/prefix``.
    The services' credentials, endpoints and regions come from their usual environment variables.

    :raises InvalidParameterError: if the URL has another scheme or form, or the service's settings are incomplete.
    """
    if url.startswith("/"):
        return LocalStore(Path(url))
    scheme = url.partition(":")[0].lower() if ":" in url else ""
    if scheme not in ("file", "s3", "az", "gs"):
        raise InvalidParameterError(
            f"The artifact store has the scheme {scheme!r}; it must be an absolute path or a file, s3, az or gs URL"
        )
    # The text is not repeated in the message: before an "@" may stand a password.
    if not _FORMS["file" if scheme == "file" else "bucket"].fullmatch(url):
        form = "file:///absolute/path" if scheme == "file" else f"{scheme}://bucket/prefix"
        raise InvalidParameterError(f"The {scheme} URL of the artifact store must have the form {form}")
    if scheme == "file":
        return LocalStore(Path(unquote(urlsplit(url).path)))
    ArtifactPath.parse(urlsplit(url).path.removeprefix("/"), allow_empty=True)
    try:
        # No client_options: they would replace all that the environment says, such as AWS_ALLOW_HTTP.
        return ObjectStore(from_url(url, retry_config=_RETRY_CONFIG))
    except (BaseError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InvalidParameterError(f"The artifact store '{url}' cannot be opened: {reason}") from error
