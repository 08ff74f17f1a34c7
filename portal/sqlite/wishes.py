"""Whether anybody waits to write to a database file, told between processes through eight bytes of shared memory.

SQLite has one writer at a time and does not say who waits. Whoever has much to write that can wait looks here whether
to let others by: a note costs a fifth of a microsecond, a lock on a file two calls of the system.
"""

import functools
import math
import mmap
import os
import struct
import time

AN_INSTANT = struct.Struct("<d")  # of the monotonic clock, which all processes of a machine share


class Wishes:
    """When somebody wanted to write last."""

    def __init__(self, path: str) -> None:
        """Open the file that holds it, or make it. What an earlier boot left lies in the future, or long ago."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < AN_INSTANT.size:
                os.truncate(descriptor, AN_INSTANT.size)
            self._shared = mmap.mmap(descriptor, AN_INSTANT.size)
        finally:
            os.close(descriptor)

    def note(self) -> None:
        """Say that one wants to write now."""
        AN_INSTANT.pack_into(self._shared, 0, time.monotonic())

    def age_s(self) -> float:
        """Return how long ago somebody wanted to; infinity if nobody has since the machine came up."""
        (noted_at,) = AN_INSTANT.unpack_from(self._shared, 0)
        age = time.monotonic() - noted_at
        return age if noted_at and age >= 0 else math.inf


@functools.cache
def wishes_of(database: str) -> Wishes:
    """Return what a database file's writers want; in a file beside it, once in each process."""
    return Wishes(f"{database}-wishes")
