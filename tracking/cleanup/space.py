"""The room that deletions leave behind in an SQLite file."""

from tracking.cleanup import store
from tracking.core.errors import InvalidStateError


def compact_database() -> tuple[int, int]:
    """Write the database anew, without gaps; return its bytes before and after. Nobody can write meanwhile.

    A file that was made before deletions gave space back does so from then on.

    :raises InvalidStateError: on PostgreSQL, whose autovacuum sees to it.
    """
    sizes = store.rewrite()
    if sizes is None:
        raise InvalidStateError("This is for SQLite. PostgreSQL's autovacuum sees to free space by itself.")
    return sizes
