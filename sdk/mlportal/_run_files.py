"""The files of a run: the part of Run that moves them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from mlportal._artifacts import Artifacts, Progress, safe_target
from mlportal.errors import InvalidError


class RunFiles:
    """Uploads and downloads. ``progress`` is called with the number of bytes of each chunk."""

    @property
    def _files(self) -> Artifacts:
        raise NotImplementedError

    def upload_file(
        self, name: str, path_or_stream: str | os.PathLike[str] | BinaryIO, *, progress: Progress | None = None
    ) -> None:
        """Store a file, or what a stream holds from where it stands, as ``name``, e.g. ``outputs/model.pkl``."""
        self._files.upload(name, path_or_stream, progress)

    def upload_files(self, names: Sequence[str], paths: Sequence[str | os.PathLike[str]]) -> None:
        """Store files, each under the name at its place."""
        if len(names) != len(paths):
            raise InvalidError(f"upload_files got {len(names)} names and {len(paths)} paths.")
        for name, path in zip(names, paths):
            self.upload_file(name, path)

    def upload_folder(self, name: str, path: str | os.PathLike[str], *, progress: Progress | None = None) -> None:
        """Store every file below a folder as ``name/...``; links to folders are not followed."""
        folder = Path(path)
        if not folder.is_dir():
            raise InvalidError(f"{folder} is not a folder.")
        for root, _, files in os.walk(folder):
            for file in sorted(files):
                source = Path(root, file)
                below = source.relative_to(folder).as_posix()
                self.upload_file(f"{name}/{below}" if name else below, source, progress=progress)

    def get_file_names(self) -> list[str]:
        """Return the names of its files. A request for each folder."""
        return [row.path for row in self._files.walk()]

    def download_file(
        self, name: str, output_file_path: str | os.PathLike[str] | None = None, *, progress: Progress | None = None
    ) -> Path:
        """Store a file locally, whole or not at all, and return where.

        ``output_file_path`` None: this folder, under the file's own last name; a folder: in it.

        :raises NotFoundError: if the run has no such file.
        """
        last = name.rpartition("/")[2]
        target = Path(output_file_path) if output_file_path is not None else Path(last)
        target = target / last if target.is_dir() else target
        self._files.download(name, target, progress)
        return target

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: str | os.PathLike[str] | None = None,
        output_paths: Sequence[str | os.PathLike[str]] | None = None,
        batch_size: int = 100,
        *,
        progress: Progress | None = None,
    ) -> list[Path]:
        """Store its files, or those below the folder ``prefix``, in ``output_directory`` (default: this folder).

        ``output_paths`` gives each file a place of its own instead, in the order of ``get_file_names``. ``batch_size``
        means nothing here: files are streamed.
        """
        rows = [row for row in self._files.walk() if prefix is None or _is_below(row.path, prefix)]
        folder = Path(output_directory or ".")
        if output_paths is not None and len(output_paths) != len(rows):
            raise InvalidError(f"download_files got {len(output_paths)} output_paths for {len(rows)} files.")
        targets = (
            [safe_target(folder, row.path) for row in rows]
            if output_paths is None
            else [folder / path for path in output_paths]
        )
        for row, target in zip(rows, targets):
            self._files.download(row.path, target, progress)
        return targets


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
