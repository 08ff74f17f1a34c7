"""What a run printed: the text files that it keeps below ``logs/`` and ``user_logs/``."""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mlportal._artifacts import FileRow, safe_target
from mlportal._run_files import RunFiles
from mlportal.errors import NotFoundError

FOLDERS = ("logs", "user_logs")
ENDINGS = frozenset({"", ".txt", ".log", ".out", ".err"})
PAUSE_S = 2.0
LINE = "\n"
ENDED = frozenset({"Completed", "Failed", "Canceled"})


class _Seen:
    """How much of a file was given, and the bytes of a character that is not whole yet."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, chunk: bytes) -> str:
        """Return the text that a chunk completes."""
        self.size_bytes += len(chunk)
        return self._decoder.decode(chunk)


class RunLogs(RunFiles):
    """Reading logs, while they grow too."""

    def get_status(self) -> str:
        """Return the run's status as the server has it now."""
        raise NotImplementedError

    def get_details(self) -> dict[str, Any]:
        """Return what is known about the run."""
        raise NotImplementedError

    def stream_logs(self, name: str | None = None, *, follow: bool = False, pause_s: float = PAUSE_S) -> Iterator[str]:
        """Yield what the run printed, in pieces of text, file by file, each after a line ``==> logs/a.txt <==``.

        ``name``: one file, anywhere in the run, instead of those of ``logs/`` and ``user_logs/``, without that line.
        ``follow``: goes on with what is added until the run has ended; looks every ``pause_s``. A file that is
        replaced by a shorter one is given anew.

        :raises NotFoundError: if there is no such file, or no log at all (with ``follow``: when the run has ended).
        """
        seen: dict[str, _Seen] = {}
        last = None
        while True:
            is_last_look = not follow or self.get_status() in ENDED  # asked first: what comes until it ended is read
            for row in self._log_rows(name):
                have = seen.setdefault(row.path, _Seen())
                size_bytes = row.size_bytes or 0
                if size_bytes < have.size_bytes:
                    have = seen[row.path] = _Seen()
                if size_bytes == have.size_bytes:
                    continue
                if name is None and row.path != last:
                    yield f"{'' if last is None else LINE}==> {row.path} <=={LINE}"
                    last = row.path
                for chunk in self._files.chunks(row.path, have.size_bytes):
                    yield have.add(chunk)
            if is_last_look:
                break
            time.sleep(pause_s)
        if not seen:
            raise NotFoundError(self._no_logs(name))

    def get_all_logs(self, destination: str | os.PathLike[str] | None = None) -> list[Path]:
        """Store its logs below ``destination`` (default: this folder), and return where."""
        targets = []
        for row in self._log_rows(None):
            target = safe_target(Path(destination or "."), row.path)
            self._files.download(row.path, target)
            targets.append(target)
        return targets

    def get_details_with_logs(self) -> dict[str, Any]:
        """Return ``get_details()`` and, as ``logFiles``, the text of each log by name. A request for each log."""
        texts = {row.path: self._files.read(row.path).decode("utf-8", "replace") for row in self._log_rows(None)}
        return {**self.get_details(), "logFiles": texts}

    def _log_rows(self, name: str | None) -> list[FileRow]:
        if name is not None:
            folder = name.rpartition("/")[0]
            return [row for row in self._files.list_folder(folder) if row.path == name and not row.is_folder]
        rows = [row for folder in FOLDERS for row in self._files.walk(folder)]
        return [row for row in rows if PurePosixPath(row.path).suffix.lower() in ENDINGS]

    def _no_logs(self, name: str | None) -> str:
        has = ", ".join(self.get_file_names()[:10]) or "no files"
        if name is not None:
            return f"The run has no file {name!r}. It has {has}."
        return f"The run has no logs: no text below {' or '.join(f'{one}/' for one in FOLDERS)}. It has {has}."
