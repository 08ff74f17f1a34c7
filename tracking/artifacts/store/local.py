"""Artifacts in a local folder."""

import errno
import heapq
import io
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.store.rules import (
    CHUNK_BYTES,
    LIST_LIMIT,
    PARTIAL_DIR,
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
from tracking.core.errors import NotFoundError, UnavailableError

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY
_PUBLISH_ATTEMPTS: Final = 100


class _BlockedError(Exception):
    """A segment on the way to a directory is a file or a link; ``where`` is the path up to it."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


class LocalStore:
    """Artifacts as files in one folder, 0600 in directories of 0700.

    Made of system calls, as obstore neither syncs nor refuses links: each segment is opened relative to the
    one above it and never through a link, so that no swap between a check and its use leads outside.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, path: ArtifactPath, chunks: Iterable[bytes], *, size_bytes: int | None) -> ObjectHead:
        require_file_path(path)
        with _disk_trouble(path):
            self._refuse_taken(path)
            partials_fd = self._open_dir((PARTIAL_DIR,), create=True)
        with _closing(partials_fd):
            partial = uuid4().hex
            with _disk_trouble(path):
                fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=partials_fd)
            try:
                with _closing(fd):
                    for chunk in counted(chunks, path, size_bytes):
                        with _disk_trouble(path):
                            _write_all(fd, chunk)
                    with _disk_trouble(path):
                        os.fsync(fd)
                        self._publish(path, partial, partials_fd)
                        return _head_of(os.fstat(fd))
            finally:
                # Already gone under this name if it was published.
                with suppress(FileNotFoundError):
                    os.unlink(partial, dir_fd=partials_fd)

    def head(self, path: ArtifactPath) -> ObjectHead:
        with _disk_trouble(path), self._open_file(path) as file:
            return _head_of(os.fstat(file.fileno()))

    def read(
        self,
        path: ArtifactPath,
        *,
        start: int = 0,
        end: int | None = None,
        etag: str | None = None,
        chunk_size: int = CHUNK_BYTES,
    ) -> Iterator[bytes]:
        with _disk_trouble(path):
            file = self._open_file(path)
        head = _head_of(os.fstat(file.fileno()))
        if etag is not None and etag != head.etag:
            file.close()
            raise replaced(path)
        file.seek(start)
        stop = head.size_bytes if end is None else min(end, head.size_bytes)
        return _FileChunks(path, file, remaining=stop - start, chunk_size=chunk_size)

    def list_dir(self, path: ArtifactPath, *, after: str | None = None, limit: int = LIST_LIMIT) -> list[FileInfo]:
        require_visible(path)
        with _disk_trouble(path):
            try:
                fd = self._open_dir(path.parts)
            except (FileNotFoundError, _BlockedError):
                return []
            with _closing(fd):
                with os.scandir(fd) as entries:
                    # Links, pipes and devices are neither.
                    ours = (
                        e.name for e in entries if e.is_file(follow_symlinks=False) or e.is_dir(follow_symlinks=False)
                    )
                    names = heapq.nsmallest(limit, (name for name in ours if is_shown(path, name, after)))
                return [info for name in names if (info := _file_info(name, fd))]

    def delete(self, path: ArtifactPath) -> int:
        require_file_path(path)
        with _disk_trouble(path):
            try:
                parent_fd = self._open_dir(path.parts[:-1])
            except (FileNotFoundError, _BlockedError):
                return 0
            with _closing(parent_fd):
                freed = _remove(path.name, parent_fd)
                os.fsync(parent_fd)
            self._prune(path.parent)
            return freed

    def usage(self, path: ArtifactPath) -> tuple[int, int]:
        sizes = [file.size_bytes for file in self.walk(path)]
        return (len(sizes), sum(sizes))

    def walk(self, path: ArtifactPath) -> Iterator[StoredFile]:
        require_visible(path)
        with _disk_trouble(path):
            try:
                fd = self._open_dir(path.parts)
            except FileNotFoundError:
                return
            except _BlockedError:
                with suppress(NotFoundError):
                    head = self.head(path)
                    yield StoredFile(path="", size_bytes=head.size_bytes, modified_at=head.modified_at)
                return
            with _closing(fd):
                yield from _walk(fd, skip=PARTIAL_DIR if path.is_root else None)

    def clear(self, paths: Sequence[ArtifactPath], *, limit: int) -> Cleared:
        sizes: list[int] = []
        is_empty = True
        for path in paths:
            require_file_path(path)
            with _disk_trouble(path):
                is_empty = self._clear(path, sizes, limit)
            if not is_empty:
                break
        for parent in {path.parts[:-1] for path in paths}:  # once for all that lay in it: syncing is what takes long
            with suppress(FileNotFoundError, _BlockedError), _closing(self._open_dir(parent)) as fd:
                os.fsync(fd)
        return Cleared(len(sizes), sum(sizes), is_empty)

    def sweep_partials(self, older_than: timedelta, now: datetime) -> int:
        oldest = (now - older_than).timestamp()
        removed = 0
        with _disk_trouble(ArtifactPath((PARTIAL_DIR,))):
            try:
                fd = self._open_dir((PARTIAL_DIR,))
            except FileNotFoundError:
                return 0
            with _closing(fd), os.scandir(fd) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        if entry.stat(follow_symlinks=False).st_mtime < oldest:
                            os.unlink(entry.name, dir_fd=fd)
                            removed += 1
        return removed

    def _open_dir(self, parts: tuple[str, ...], *, create: bool = False) -> int:
        """Return a descriptor of a directory, made on the way if asked.

        :raises FileNotFoundError: if it does not exist.
        :raises _BlockedError: if a segment is a file or a link.
        """
        if create:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._root, _DIRECTORY)
        for depth, part in enumerate(parts, start=1):
            with _closing(fd):
                if create:
                    _make_dir(part, fd)
                try:
                    fd = os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
                except OSError as error:
                    if error.errno in (errno.ENOTDIR, errno.ELOOP):
                        raise _BlockedError("/".join(parts[:depth])) from error
                    raise
        return fd

    def _open_file(self, path: ArtifactPath) -> io.FileIO:
        """Open a regular file for reading.

        :raises NotFoundError: if there is none, or the way to it leads through a link.
        :raises InvalidParameterError: if it is a directory.
        """
        require_file_path(path)
        try:
            with _closing(self._open_dir(path.parts[:-1])) as parent_fd:
                # Non-blocking: opening a pipe that someone left there must not hang.
                fd = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent_fd)
        except (FileNotFoundError, _BlockedError) as error:
            raise missing(path) from error
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise missing(path) from error
            raise
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode):
            return io.FileIO(fd)
        os.close(fd)
        raise is_a_directory(path) if stat.S_ISDIR(mode) else missing(path)

    def _refuse_taken(self, path: ArtifactPath) -> None:
        """Refuse a path that no file can have, before the first byte is asked for."""
        try:
            with _closing(self._open_dir(path.parts[:-1])) as parent_fd:
                if stat.S_ISDIR(os.stat(path.name, dir_fd=parent_fd, follow_symlinks=False).st_mode):
                    raise is_a_directory(path)
        except FileNotFoundError:
            return
        except _BlockedError as error:
            raise below_a_file(path, error.where) from error

    def _publish(self, path: ArtifactPath, partial: str, partials_fd: int) -> None:
        """Give a finished upload its name, and make the name last."""
        for _ in range(_PUBLISH_ATTEMPTS):
            try:
                with _closing(self._open_dir(path.parts[:-1], create=True)) as parent_fd:
                    os.replace(partial, path.name, src_dir_fd=partials_fd, dst_dir_fd=parent_fd)
                    os.fsync(parent_fd)
                return
            except FileNotFoundError:
                # A delete has just removed one of the directories: make them again.
                continue
            except IsADirectoryError as error:
                raise is_a_directory(path) from error
            except _BlockedError as error:
                raise below_a_file(path, error.where) from error
        raise UnavailableError(f"The directory of artifact '{path}' is being deleted")

    def _clear(self, path: ArtifactPath, sizes: list[int], limit: int) -> bool:
        try:
            parent_fd = self._open_dir(path.parts[:-1])
        except (FileNotFoundError, _BlockedError):
            return True
        with _closing(parent_fd):
            is_empty = _clear(path.name, parent_fd, sizes, limit)
        if is_empty:
            self._prune(path.parent)
        return is_empty

    def _prune(self, path: ArtifactPath) -> None:
        """Remove a directory and those above it as far as they are empty."""
        while not path.is_root:
            try:
                with _closing(self._open_dir(path.parts[:-1])) as parent_fd:
                    os.rmdir(path.name, dir_fd=parent_fd)
            except (OSError, _BlockedError):
                return
            path = path.parent


class _FileChunks(Iterator[bytes]):
    """The rest of an open file, which is closed at its end or by ``close``.

    Not a generator: closing one that was never started would leave the file open.
    """

    def __init__(self, path: ArtifactPath, file: io.FileIO, *, remaining: int, chunk_size: int) -> None:
        self._path = path
        self._file = file
        self._remaining = remaining
        self._chunk_size = chunk_size

    def __next__(self) -> bytes:
        chunk = b""
        if self._remaining > 0:
            with _disk_trouble(self._path):
                chunk = self._file.read(min(self._chunk_size, self._remaining))
        if not chunk:
            self.close()
            raise StopIteration
        self._remaining -= len(chunk)
        return chunk

    def close(self) -> None:
        self._remaining = 0
        self._file.close()


@contextmanager
def _closing(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _disk_trouble(path: ArtifactPath) -> Iterator[None]:
    """Report a failing disk as passing trouble: the client repeats its request, and the owner makes room."""
    try:
        yield
    except OSError as error:
        raise UnavailableError(f"The artifact store failed at '{path}': {error.strerror}") from error
    except _BlockedError as error:
        raise UnavailableError(f"The artifact store failed at '{path}': '{error.where}' is no directory") from error


def _write_all(fd: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(fd, view) :]


def _make_dir(name: str, parent_fd: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent_fd)
        os.fsync(parent_fd)


def _remove(name: str, parent_fd: int) -> int:
    """Remove a file, a link itself, or a tree; return the bytes of its files."""
    freed = 0
    with suppress(FileNotFoundError):
        info = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
        if not stat.S_ISDIR(info.st_mode):
            os.unlink(name, dir_fd=parent_fd)
            return info.st_size if stat.S_ISREG(info.st_mode) else 0
        with _closing(os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent_fd)) as fd, os.scandir(fd) as entries:
            for entry in entries:
                freed += _remove(entry.name, fd)
        try:
            os.rmdir(name, dir_fd=parent_fd)
        except OSError as error:
            # Somebody has put a file there meanwhile: it stays.
            if error.errno != errno.ENOTEMPTY:
                raise
    return freed


def _clear(name: str, parent_fd: int, sizes: list[int], limit: int) -> bool:
    """Remove files of a tree until ``sizes``, where theirs are noted, holds ``limit``; tell whether all are gone."""
    with suppress(FileNotFoundError):
        info = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
        if not stat.S_ISDIR(info.st_mode):
            if len(sizes) >= limit:
                return False
            os.unlink(name, dir_fd=parent_fd)
            sizes.append(info.st_size if stat.S_ISREG(info.st_mode) else 0)
            return True
        with _closing(os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent_fd)) as fd, os.scandir(fd) as entries:
            if not all(_clear(entry.name, fd, sizes, limit) for entry in entries):
                return False
        try:
            os.rmdir(name, dir_fd=parent_fd)
        except OSError as error:
            # Somebody has put a file there meanwhile: the next call finds it.
            if error.errno != errno.ENOTEMPTY:
                raise
            return False
    return True


def _walk(fd: int, *, above: str = "", skip: str | None = None) -> Iterator[StoredFile]:
    """Yield every regular file in a directory and below, but for the entry ``skip``."""
    with os.scandir(fd) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.name == skip:
                    continue
                if entry.is_file(follow_symlinks=False):
                    info = entry.stat(follow_symlinks=False)
                    yield StoredFile(above + entry.name, info.st_size, datetime.fromtimestamp(info.st_mtime, UTC))
                elif entry.is_dir(follow_symlinks=False):
                    with _closing(os.open(entry.name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)) as child_fd:
                        yield from _walk(child_fd, above=f"{above}{entry.name}/")


def _file_info(name: str, dir_fd: int) -> FileInfo | None:
    """Describe an entry; None if it has gone since it was listed."""
    try:
        info = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(info.st_mode):
        return FileInfo(path=name, is_dir=True, size_bytes=None, modified_at=None)
    head = _head_of(info)
    return FileInfo(path=name, is_dir=False, size_bytes=head.size_bytes, modified_at=head.modified_at)


def _head_of(info: os.stat_result) -> ObjectHead:
    # A replaced file is another inode; the time tells apart two files that had the same one after each other.
    return ObjectHead(
        size_bytes=info.st_size,
        etag=f'"{info.st_ino:x}-{info.st_mtime_ns:x}-{info.st_size:x}"',
        modified_at=datetime.fromtimestamp(info.st_mtime, UTC),
    )
