"""A throw-away PostgreSQL cluster."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg2

from tests.support.programs import POSTGRES, free_port, get_program, wait_until

# A cluster that is thrown away need not survive a power cut.
OPTIONS = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=200")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster: superuser ``postgres``, no password, loopback only."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, *, options: Sequence[str] = OPTIONS) -> Self:
        """Make a cluster in a temporary folder and wait until it answers.

        :param options: of the server's command line, in place of those that give durability up for speed.
        :raises MissingProgramError: if PostgreSQL's server is not installed.
        """
        binaries = get_program(POSTGRES).parent
        folder = Path(tempfile.mkdtemp(prefix="mlportal-pg-"))
        data = folder / "data"
        user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
        if user:
            shutil.chown(folder, user, user)
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
        port = free_port()
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                user=user,
                group=user,
                extra_groups=[] if user else None,
            )
        cluster = cls(folder, port, process)
        wait_until(cluster._answers, what=f"PostgreSQL (its log: {folder / 'log'})")
        return cluster

    def url(self, database: str = "postgres") -> str:
        """Return what DATABASE_URL is set to."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """Stop the cluster at once and remove its folder."""
        self.process.send_signal(signal.SIGINT)  # a fast shutdown: it does not wait for clients to leave
        self.process.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            psycopg2.connect(self.url()).close()
        except psycopg2.OperationalError:
            return False
        return True


def create_database(server_url: str, name: str, *, template: str | None = None) -> str:
    """Create a database, empty or a copy of ``template``, on the server of ``server_url``; return its DATABASE_URL."""
    connection = psycopg2.connect(server_url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
    finally:
        connection.close()
    return f"{server_url.rpartition('/')[0]}/{name}"
