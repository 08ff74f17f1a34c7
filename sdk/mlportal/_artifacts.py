"""Files of a run, streamed through the server: never more than a chunk in memory."""

from __future__ import annotations

import mimetypes
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import httpx

from mlportal._mlflow import api_root
from mlportal._transport import Transport, quoted
from mlportal.errors import InvalidError, MlportalError, ServerUnreachableError

CHUNK_BYTES = 1024 * 1024
SCHEME = "mlflow-artifacts:/"
Progress = Callable[[int], None]


@dataclass(frozen=True)
class FileRow:
    """A file or folder. ``path``: from the run's root; ``size_bytes``: None for a folder."""

    path: str
    is_folder: bool
    size_bytes: int | None


class Artifacts:
    """The files below one artifact address."""

    def __init__(self, transport: Transport, workspace: str | None, artifact_uri: str) -> None:
        if not artifact_uri.startswith(SCHEME) or artifact_uri.startswith(f"{SCHEME}/"):
            raise InvalidError(f"Artifacts at {artifact_uri[:200]!r} do not go through this server.")
        self._transport = transport
        self._root = artifact_uri[len(SCHEME) :].strip("/")
        self._path = f"{api_root(workspace)}/mlflow-artifacts/artifacts"

    def list_folder(self, folder: str = "") -> list[FileRow]:
        """Return what lies in a folder, by name; nothing if there is no such folder."""
        answer = self._transport.get(self._path, {"path": joined(self._root, folder)})
        rows = [
            FileRow(joined(folder, one["path"]), bool(one.get("is_dir")), one.get("file_size"))
            for one in answer.get("files", [])
        ]
        return sorted(rows, key=lambda row: row.path)

    def walk(self, folder: str = "") -> Iterator[FileRow]:
        """Yield every file below a folder, depth first. A request for each folder."""
        for row in self.list_folder(folder):
            if row.is_folder:
                yield from self.walk(row.path)
            else:
                yield row

    def upload(self, name: str, source: str | os.PathLike[str] | BinaryIO, progress: Progress | None = None) -> None:
        """Store a file, or what a seekable stream holds from where it stands, as ``name``; replaces what was there.

        :raises InvalidError: if the name is not one or the stream cannot be rewound.
        """
        _check_name(name)
        if isinstance(source, (str, os.PathLike)):
            with open(source, "rb") as file:
                self._upload_stream(name, file, progress)
        elif source.seekable():
            self._upload_stream(name, source, progress)
        else:
            raise InvalidError(
                f"The stream for {name!r} cannot be rewound; give a path, or an io.BytesIO of its content."
            )

    def download(self, name: str, target: Path, progress: Progress | None = None) -> None:
        """Store a file at ``target``: whole or not at all. A broken connection is taken up where it broke.

        :raises NotFoundError: if the run has no such file.
        """
        _check_name(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part-{os.getpid()}")
        try:
            with open(part, "wb") as file:
                self._download_into(file, name, progress)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)

    def read(self, name: str) -> bytes:
        """Return what is in a small file. :raises NotFoundError: if the run has no such file."""
        _check_name(name)
        return self._transport.send("GET", self._address(name)).content

    def chunks(self, name: str, begin: int = 0) -> Iterator[bytes]:
        """Yield what is in a file from byte ``begin`` on, streamed once, without patience.

        :raises NotFoundError: if there is no such file.
        """
        _check_name(name)
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={begin}-"} if begin else {})}
        with self._transport.stream(self._address(name), headers=headers) as response:
            yield from response.iter_raw(CHUNK_BYTES)

    def _upload_stream(self, name: str, file: BinaryIO, progress: Progress | None) -> None:
        begin = file.tell()
        size_bytes = file.seek(0, os.SEEK_END) - begin

        def content() -> Iterator[bytes]:
            file.seek(begin)
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
                if progress is not None:
                    progress(len(chunk))

        headers = {
            "Content-Length": str(size_bytes),
            "Content-Type": mimetypes.guess_type(name)[0] or "application/octet-stream",
        }
        self._transport.send("PUT", self._address(name), content=content, headers=headers)

    def _download_into(self, file: BinaryIO, name: str, progress: Progress | None) -> None:
        give_up_at = time.monotonic() + self._transport.patience_s
        etag, pause_s = None, 0.25
        while True:
            have_bytes = file.tell()
            headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have_bytes}-"} if have_bytes else {})}
            try:
                with self._transport.stream(self._address(name), headers=headers) as response:
                    if have_bytes and (response.status_code != 206 or response.headers.get("etag") != etag):
                        raise MlportalError(f"{name!r} changed while it was downloaded. Download it again.")
                    etag = response.headers.get("etag")
                    _copy(response, file, progress)
                    return
            except ServerUnreachableError:
                if time.monotonic() + pause_s > give_up_at:
                    raise
            if file.tell() > have_bytes:
                give_up_at = time.monotonic() + self._transport.patience_s
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 10)

    def _address(self, name: str) -> str:
        return f"{self._path}/{quoted(*joined(self._root, name).split('/'))}"


def safe_target(folder: Path, name: str) -> Path:
    """Return where a file of a run goes below ``folder``.

    :raises InvalidError: if its name leads out of it.
    """
    _check_name(name)
    return folder.joinpath(*PurePosixPath(name).parts)


def _copy(response: httpx.Response, file: BinaryIO, progress: Progress | None) -> None:
    for chunk in response.iter_raw(CHUNK_BYTES):
        file.write(chunk)
        if progress is not None:
            progress(len(chunk))


def joined(folder: str, name: str) -> str:
    """Return the path of ``name`` in a folder; either may be empty."""
    return f"{folder}/{name}" if folder and name else folder or name


def _check_name(name: str) -> None:
    parts = name.split("/")
    if "" in parts or "." in parts or ".." in parts or "\\" in name or ":" in parts[0][1:2]:
        raise InvalidError(f"{name[:200]!r} is not the name of a file; one looks like 'outputs/model.pkl'.")
