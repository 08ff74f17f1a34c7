"""Where servers keep what they are told: a SQLite file each, or a database each of one PostgreSQL cluster."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from tests.support.postgres import Cluster, create_database

SQLITE, POSTGRES = "sqlite", "postgres"
DURABLE: Sequence[str] = ()
"""PostgreSQL's own settings: what it has acknowledged survives a power cut."""


@dataclass(frozen=True, slots=True)
class Database:
    """One server's database: a file, or a database of a cluster, whose CPU counts as the server's."""

    url: str
    pids: tuple[int, ...] = ()

    @property
    def path(self) -> Path | None:
        """The file of SQLite, None for PostgreSQL."""
        scheme, _, path = self.url.partition(":///")
        return Path(path) if scheme == SQLITE else None

    def size_bytes(self) -> int:
        """Return what it takes on disk, pages that are free to be used again included."""
        if self.path is not None:
            return sum(Path(f"{self.path}{end}").stat().st_size for end in ("", "-wal") if _exists(f"{self.path}{end}"))
        ((size,),) = self.rows("SELECT pg_database_size(current_database())")
        return int(size)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.connect() as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return list(cursor.fetchall())

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """Open a connection of Python's database API that commits at the end."""
        opened = sqlite3.connect(self.path, timeout=60) if self.path else psycopg2.connect(self.url)
        with closing(opened) as connection:
            yield connection
            connection.commit()


class Databases:
    """Makes a database for each server; the cluster, if it is PostgreSQL, starts with the first and ends with all."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self._folder = folder
        self._cluster: Cluster | None = None

    def new(self, name: str) -> Database:
        """Return an empty database."""
        if self.kind == SQLITE:
            return Database(f"sqlite:///{self._folder / name}.db")
        if self._cluster is None:
            self._cluster = Cluster.start(options=DURABLE)
        return Database(create_database(self._cluster.url(), name), (self._cluster.process.pid,))

    def stop(self) -> None:
        if self._cluster is not None:
            self._cluster.stop()


def _exists(path: str) -> bool:
    return Path(path).exists()
