"""Artifacts in a bucket of an object store."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import obstore
from obstore.exceptions import BaseError, PreconditionError
from obstore.store import AzureStore, S3Store

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.store.rules import (
    CHUNK_BYTES,
    LIST_LIMIT,
    below_a_file,
    counted,
    is_a_directory,
    is_shown,
    missing,
    replaced,
    require_file_path,
    require_visible,
)
from tracking.artifacts.types import Cleared, FileInfo, ObjectHead, StoredFile
from tracking.core.errors import ConflictError, UnavailableError

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Bucket

# S3 takes 10,000 parts of 5 MiB and more; four parts in flight keep an upload's memory at 32 MiB.
_PART_BYTES: Final = 8 * 1024 * 1024
_MAX_PARTS: Final = 10_000
_PARTS_IN_FLIGHT: Final = 4
# Bytes of one ranged request of a download. A whole window is fetched before it is handed on, so that a slow reader
# never keeps a connection to the service waiting until it times out.
_WINDOW_BYTES: Final = 4 * 1024 * 1024


class ObjectStore:
    """Artifacts as objects of a bucket, through obstore.

    Uploads are multipart: the service shows the object when all parts are there. Its parts are aborted on any error;
    those of a process that was killed are the bucket's lifecycle rule's to remove (docs of the service).
    """

    def __init__(self, bucket: "Bucket") -> None:
        self._bucket = bucket

    def put(self, path: ArtifactPath, chunks: Iterable[bytes], *, size_bytes: int | None) -> ObjectHead:
        """One request for each directory of the path, one a part, and a few more.

        :raises ConflictError: if the file was deleted again before it could be described.
        """
        require_file_path(path)
        with _service_trouble(path):
            self._refuse_taken(path)
            part_bytes = max(_PART_BYTES, -(-(size_bytes or 0) // _MAX_PARTS))
            # Not obstore.put: it would run the chunks' iterator inside its event loop, where an iterator that reads
            # from a store itself panics. Leaving the block by an error aborts the upload.
            with obstore.open_writer(
                self._bucket, str(path), buffer_size=part_bytes, max_concurrency=_PARTS_IN_FLIGHT
            ) as writer:
                for chunk in counted(chunks, path, size_bytes):
                    writer.write(chunk)
            if head := self._find(path):
                return head
        raise ConflictError(f"Artifact '{path}' was deleted while it was being stored")

    def head(self, path: ArtifactPath) -> ObjectHead:
        require_file_path(path)
        with _service_trouble(path):
            if head := self._find(path):
                return head
            if self._is_dir(path):
                raise is_a_directory(path)
        raise missing(path)

    def read(
        self,
        path: ArtifactPath,
        *,
        start: int = 0,
        end: int | None = None,
        etag: str | None = None,
        chunk_size: int = CHUNK_BYTES,
    ) -> Iterator[bytes]:
        head = self.head(path)
        if etag is not None and etag != head.etag:
            raise replaced(path)
        stop = head.size_bytes if end is None else min(end, head.size_bytes)
        return self._chunks(path, range(start, stop), etag=head.etag, chunk_size=chunk_size)

    def list_dir(self, path: ArtifactPath, *, after: str | None = None, limit: int = LIST_LIMIT) -> list[FileInfo]:
        require_visible(path)
        with _service_trouble(path):
            found = obstore.list_with_delimiter(self._bucket, prefix=str(path) or None)
        infos = {}
        for prefix in found["common_prefixes"]:
            name = _name_in(path, prefix)
            infos[name] = FileInfo(path=name, is_dir=True, size_bytes=None, modified_at=None)
        for meta in found["objects"]:
            name = _name_in(path, meta["path"])
            infos[name] = FileInfo(path=name, is_dir=False, size_bytes=meta["size"], modified_at=meta["last_modified"])
        names = heapq.nsmallest(limit, (name for name in infos if is_shown(path, name, after)))
        return [infos[name] for name in names]

    def delete(self, path: ArtifactPath) -> int:
        require_file_path(path)
        with _service_trouble(path):
            freed = 0
            if head := self._find(path):
                self._delete_keys([str(path)])
                freed = head.size_bytes
            for metas in obstore.list(self._bucket, prefix=str(path), chunk_size=1000):
                self._delete_keys([meta["path"] for meta in metas])
                freed += sum(meta["size"] for meta in metas)
            return freed

    def usage(self, path: ArtifactPath) -> tuple[int, int]:
        sizes = [file.size_bytes for file in self.walk(path)]
        return (len(sizes), sum(sizes))

    def walk(self, path: ArtifactPath) -> Iterator[StoredFile]:
        require_visible(path)
        with _service_trouble(path):
            if not path.is_root and (head := self._find(path)):
                yield StoredFile("", head.size_bytes, head.modified_at)
            for metas in obstore.list(self._bucket, prefix=str(path) or None, chunk_size=1000):
                for meta in metas:
                    yield StoredFile(_name_in(path, meta["path"]), meta["size"], meta["last_modified"])

    def clear(self, paths: Sequence[ArtifactPath], *, limit: int) -> Cleared:
        files = size_bytes = 0
        for path in paths:
            require_file_path(path)
            with _service_trouble(path):
                cleared = self._clear(path, limit - files)
            files += cleared.files
            size_bytes += cleared.size_bytes
            if not cleared.is_empty:
                return Cleared(files, size_bytes, is_empty=False)
        return Cleared(files, size_bytes, is_empty=True)

    def _clear(self, path: ArtifactPath, limit: int) -> Cleared:
        found = [(str(path), head.size_bytes)] if (head := self._find(path)) else []
        for metas in obstore.list(self._bucket, prefix=str(path), chunk_size=min(limit + 1, 1000)):
            found += [(meta["path"], meta["size"]) for meta in metas]
            if len(found) > limit:
                break
        some = found[:limit]
        if some:
            self._delete_keys([key for key, _ in some])
        return Cleared(len(some), sum(size for _, size in some), is_empty=len(found) <= limit)

    def sign(self, path: ArtifactPath, *, method: str, life: timedelta) -> str | None:
        """Return an address that does ``method`` ("GET", "PUT") to a file without our credentials; None if it cannot.

        No request. obstore signs Azure's paths as they stand in the URL, and Azure checks them as they stand in the
        container: those that need percent-encoding would be refused.
        """
        require_file_path(path)
        if not isinstance(self._bucket, S3Store | AzureStore):
            return None
        key = f"{self._bucket.prefix or ''}/{path}"
        if isinstance(self._bucket, AzureStore) and quote(key) != key:
            return None
        with _service_trouble(path):
            return str(obstore.sign(self._bucket, "PUT" if method == "PUT" else "GET", str(path), life))

    def sweep_partials(self, older_than: timedelta, now: datetime) -> int:
        """Nothing to do: the parts of an unfinished upload are no objects (see the class)."""
        return 0

    def _chunks(self, path: ArtifactPath, span: range, *, etag: str | None, chunk_size: int) -> Iterator[bytes]:
        for start in span[::_WINDOW_BYTES]:
            stop = min(start + _WINDOW_BYTES, span.stop)
            with _service_trouble(path):
                try:
                    got = obstore.get(self._bucket, str(path), options={"range": (start, stop), "if_match": etag})
                    window = memoryview(got.bytes())
                except (PreconditionError, FileNotFoundError) as error:
                    raise replaced(path) from error
            for offset in range(0, len(window), chunk_size):
                yield bytes(window[offset : offset + chunk_size])

    def _find(self, path: ArtifactPath) -> ObjectHead | None:
        try:
            meta = obstore.head(self._bucket, str(path))
        except FileNotFoundError:
            return None
        return ObjectHead(size_bytes=meta["size"], etag=meta["e_tag"], modified_at=meta["last_modified"])

    def _is_dir(self, path: ArtifactPath) -> bool:
        return next(iter(obstore.list(self._bucket, prefix=str(path), chunk_size=1)), None) is not None

    def _refuse_taken(self, path: ArtifactPath) -> None:
        """Refuse a path that no file can have. Two uploads at once may still slip past: a bucket has no directories."""
        parent = path.parent
        while not parent.is_root:
            if self._find(parent):
                raise below_a_file(path, str(parent))
            parent = parent.parent
        if self._is_dir(path):
            raise is_a_directory(path)

    def _delete_keys(self, keys: list[str]) -> None:
        try:
            obstore.delete(self._bucket, keys)
        except FileNotFoundError:
            # Azure and GCS fail as soon as one key has gone already, whatever became of the others.
            for key in keys:
                with suppress(FileNotFoundError):
                    obstore.delete(self._bucket, key)


@contextmanager
def _service_trouble(path: ArtifactPath) -> Iterator[None]:
    """Report what a service answers as passing trouble; a bucket that does not exist is "not found" to obstore."""
    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        raise UnavailableError(f"The artifact store failed at '{path}': {type(error).__name__}") from error


def _name_in(directory: ArtifactPath, key: str) -> str:
    """Return a key as seen from its directory; "" for the marker object that some tools make for a directory."""
    return key.removeprefix(str(directory)).removeprefix("/")
