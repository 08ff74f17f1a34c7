"""What only SQLite is asked: who else writes, and which pages of the file are free."""

from pathlib import Path
from typing import Any, cast

from django.db import connection

INCREMENTAL = 2


def since_others_wrote_s() -> float:
    """Return how long ago a process that is no worker wanted to write to the SQLite file."""
    wishes = cast(Any, connection).wishes  # portal.sqlite's; None for a database in memory
    return 0 if wishes is None else float(wishes.age_s())


def has_one_writer() -> bool:
    """Tell whether one who writes keeps all others from it."""
    return bool(connection.vendor == "sqlite")


def count_free_pages() -> int:
    """Return how many pages of the file could be given back; 0 where the database sees to that itself, or cannot."""
    if connection.vendor != "sqlite" or _pragma("auto_vacuum") != INCREMENTAL:
        return 0
    return _pragma("freelist_count")


def give_back(pages: int) -> int:
    """Give back at most so many pages, in the caller's transaction; return their bytes. Moves others into the gaps."""
    before = _pragma("page_count")
    with connection.cursor() as cursor:
        for _ in range(pages):  # Python's driver takes one step of a statement without columns, and a step is a page
            cursor.execute("PRAGMA incremental_vacuum(1)")
    return (before - _pragma("page_count")) * _pragma("page_size")


def checkpoint() -> None:
    """Have what was written moved into the file, as far as nobody is in the way; only then does it shrink."""
    if connection.vendor == "sqlite":
        _pragma("wal_checkpoint(PASSIVE)")


def rewrite() -> tuple[int, int] | None:
    """Write an SQLite database anew, without gaps, and such that deletions give space back from then on.

    Takes its size again on the disk meanwhile, in two places, and nobody can write. Return its bytes before and after;
    None on PostgreSQL.
    """
    if connection.vendor != "sqlite":
        return None
    path = Path(str(connection.settings_dict["NAME"]))
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = path.stat().st_size
        cursor.execute("PRAGMA temp_store=FILE")  # the copy would stand in memory
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, path.stat().st_size


def _pragma(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}")
        return int(cursor.fetchone()[0])
