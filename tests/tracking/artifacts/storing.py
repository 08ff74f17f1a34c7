"""Files put into a store and read back, in a line each."""

from collections.abc import Iterator
from pathlib import Path

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.store import ArtifactStore

ROOT = ArtifactPath(())
MIB = 1024 * 1024


class GoneError(Exception):
    """The client of an upload has gone."""


def at(text: str) -> ArtifactPath:
    return ArtifactPath.parse(text)


def put(store: ArtifactStore, text: str, content: bytes = b"content") -> None:
    store.put(at(text), [content], size_bytes=len(content))


def content_of(store: ArtifactStore, text: str) -> bytes:
    return b"".join(store.read(at(text)))


def names_in(store: ArtifactStore, path: ArtifactPath = ROOT) -> list[str]:
    return [info.path for info in store.list_dir(path)]


def broken_upload(error: BaseException, *, before: int) -> Iterator[bytes]:
    for _ in range(before):
        yield b"x" * MIB
    raise error


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
