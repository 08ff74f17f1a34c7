"""Commands of manage.py on one portal, each in a fork of a process that has loaded Django: tests ask for many tokens.

``python -m tests.support.commands`` reads a line of JSON with a command's arguments and answers with one that has its
exit code and what it printed; it ends with its standard input.
"""

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Self

import django
from django.core.management import execute_from_command_line

from portal.env import BASE_DIR


class Commands:
    """Such a process, with the environment of its portal."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @classmethod
    def start(cls, environ: dict[str, str]) -> Self:
        """Start the process."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.commands"],
            cwd=BASE_DIR,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return cls(process)

    def run(self, arguments: Sequence[str]) -> str:
        """Run ``manage.py …`` and return what it printed.

        :raises subprocess.CalledProcessError: if it fails; has what it complained of.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        code, out, err = json.loads(self._process.stdout.readline())
        if code:
            raise subprocess.CalledProcessError(code, ["manage.py", *arguments], out, err)
        return str(out).strip()

    def stop(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)


def main() -> None:
    """Answer each line."""
    django.setup()
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)


def _run(arguments: list[str]) -> tuple[int, str, str]:
    """Return a command's exit code, standard output and standard error."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(_execute(arguments))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()


def _execute(arguments: list[str]) -> int:
    try:
        execute_from_command_line(["manage.py", *arguments])
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main()
