"""Files of a datastore: straight to the store where it gives signed addresses, else streamed through the server."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

from mlportal._artifacts import CHUNK_BYTES, Artifacts, FileRow, Progress, joined
from mlportal._pages import list_all
from mlportal._transport import Transport, quoted
from mlportal.errors import MlportalError

DIRECT_BYTES = 5_000_000_000  # the most that S3 takes in one piece


class StoreFiles(Artifacts):
    """The files of one datastore, whose address in the REST API is ``path``."""

    def __init__(self, transport: Transport, path: str, *, is_direct: bool) -> None:
        self._transport = transport
        self._root = ""
        self._datastore = path
        self._path = f"{path}/files"
        self._is_direct = is_direct

    def list_folder(self, folder: str = "") -> list[FileRow]:
        """Return what lies in a folder, by name; nothing if there is no such folder."""
        found = list_all(self._transport, self._path, "files", {"path": folder})
        return [FileRow(joined(folder, one["name"]), one["is_dir"], one["size_bytes"]) for one in found]

    def delete(self, path: str) -> int:
        """Delete a file, or a folder with all in it; return the bytes freed, 0 if nothing was there."""
        return int(self._transport.call("DELETE", self._address(path))["bytes_freed"])

    def _upload_stream(self, name: str, file: BinaryIO, progress: Progress | None) -> None:
        begin = file.tell()
        size_bytes = file.seek(0, os.SEEK_END) - begin
        file.seek(begin)
        link = self._link(name, "put") if size_bytes <= DIRECT_BYTES else None
        if link is None or not self._put(link, name, file, size_bytes, progress):
            file.seek(begin)
            super()._upload_stream(name, file, progress)

    def _download_into(self, file: BinaryIO, name: str, progress: Progress | None) -> None:
        link = self._link(name, "get")
        if link is None or not self._get(link, file, progress):
            file.seek(0)
            file.truncate()
            super()._download_into(file, name, progress)

    def _link(self, name: str, verb: str) -> dict[str, Any] | None:
        """Return a signed address; None if the file goes through the server."""
        if not self._is_direct:
            return None
        address = f"{self._datastore}/sign/{quoted(*name.split('/'))}"
        link: dict[str, Any] = self._transport.get(address, {"verb": verb, "life_s": 3600})
        return None if link["goes_through_server"] else link

    def _put(self, link: dict[str, Any], name: str, file: BinaryIO, size_bytes: int, progress: Progress | None) -> bool:
        """Send a file straight to the store; False if that fails: the server may reach what we do not."""
        sent = 0

        def content() -> Iterator[bytes]:
            nonlocal sent
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
                sent += len(chunk)
                _tell(progress, len(chunk))

        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {**link["headers"], "Content-Length": str(size_bytes), "Content-Type": kind}
        try:
            self._transport.send_elsewhere("PUT", link["url"], headers=headers, content=content())
        except MlportalError:
            _tell(progress, -sent)
            return False
        return True

    def _get(self, link: dict[str, Any], file: BinaryIO, progress: Progress | None) -> bool:
        received = 0
        try:
            with self._transport.stream_elsewhere(link["url"], headers=link["headers"]) as response:
                for chunk in response.iter_raw(CHUNK_BYTES):
                    file.write(chunk)
                    received += len(chunk)
                    _tell(progress, len(chunk))
        except MlportalError:
            _tell(progress, -received)
            return False
        return True


def _tell(progress: Progress | None, size_bytes: int) -> None:
    if progress is not None and size_bytes:
        progress(size_bytes)
