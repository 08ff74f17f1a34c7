"""A supervisor in a process of its own, for test_supervisor.py: it takes over the signals of the process it runs in.

``is_up`` as soon as the folder has a file ``up``; ``when_up`` adds a line to the file ``greetings``.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from portal.env import BASE_DIR
from portal.logs import log_config
from tests.support.programs import wait_until
from tracking.management.supervisor import Patience, Program, supervise


@dataclass(frozen=True, slots=True)
class Supervised:
    """A supervisor with its programs. Each program runs in ``folder``."""

    folder: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, folder: Path, programs: Mapping[str, str], **patience: float) -> Self:
        """Supervise lines of Python by name."""
        with (folder / "supervisor.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(folder), json.dumps(programs), json.dumps(patience)],
                cwd=BASE_DIR,
                stderr=log,
                start_new_session=True,
            )
        return cls(folder, process)

    def lines(self, name: str, *, at_least: int = 1) -> list[str]:
        """Return the lines of a file of the folder, as soon as it has so many."""
        path = self.folder / name
        wait_until(
            lambda: path.is_file() and path.read_text().count("\n") >= at_least, what=f"{at_least} lines of {name}"
        )
        return path.read_text().splitlines()

    def log(self, event: str) -> list[dict[str, Any]]:
        """Return what the supervisor has logged under this name."""
        whole_lines, _, _ = (self.folder / "supervisor.log").read_text().rpartition("\n")
        return [line for line in map(json.loads, whole_lines.splitlines()) if line["event"] == event]

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, unless it has ended already, and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=60)


def _greet(folder: Path) -> None:
    with (folder / "greetings").open("a") as file:
        file.write(f"from {os.getpid()}\n")


def _main(folder: Path, programs: Mapping[str, str], patience: Mapping[str, float]) -> None:
    log_config(style="json", level="INFO")
    supervise(
        [Program(name, [sys.executable, "-c", code], folder, {"PROGRAM": name}) for name, code in programs.items()],
        is_up=(folder / "up").exists,
        when_up=lambda: _greet(folder),
        patience=Patience(**patience),
    )


if __name__ == "__main__":
    _main(Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3]))
