"""The room that deletions leave behind in an SQLite file."""

from collections import Counter

from django.db import transaction

from tracking.cleanup import store
from tracking.cleanup.leases import Lease
from tracking.cleanup.pace import Pace
from tracking.core.errors import InvalidStateError

PAGES_KEPT = 256  # free ones, a MiB: what is logged next needs no room of its own
PAGES_PACE = Pace(least=256, most=4_000)


def give_back(lease: Lease) -> bool:
    """Give a little of what the file has free back to the file system; False if that was all.

    As much as was free when it began, so that it ends while others delete, too.
    """
    cursor = lease.deletion.cursor
    kept = cursor.get("free_pages")
    left = store.count_free_pages() - PAGES_KEPT if kept is None else kept
    if left <= 0:
        return False
    with PAGES_PACE.batch() as size, lease.step() as step:
        if kept is None:
            lease.deletion.total["file_pages"] = left
            step.columns["total"] = lease.deletion.total
        given = store.give_back(min(size, left))
        step.counts += Counter(file_bytes=given, file_pages=min(size, left))
        cursor["free_pages"] = left - size if given else 0
        step.columns["cursor"] = cursor
    if left <= size:
        transaction.on_commit(store.checkpoint)
    return True


def compact_database() -> tuple[int, int]:
    """Write the database anew, without gaps; return its bytes before and after. Nobody can write meanwhile.

    A file that was made before deletions gave space back does so from then on.

    :raises InvalidStateError: on PostgreSQL, whose autovacuum sees to it.
    """
    sizes = store.rewrite()
    if sizes is None:
        raise InvalidStateError("This is for SQLite. PostgreSQL's autovacuum sees to free space by itself.")
    return sizes
