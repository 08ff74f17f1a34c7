"""How much to do at once, so that others hardly wait: small transactions, and a rest after each while others write."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tracking.cleanup.store import has_one_writer, since_others_wrote_s

SHORTEST_REST_S, LONGEST_REST_S = 0.025, 0.1  # who waits for SQLite's lock looks again after up to 25 ms
QUIET_S = 2  # whoever wrote longer ago does not write now


class Pace:
    """A batch size that grows and shrinks, from ``least`` to ``most``, until a batch takes about ``target_s``.

    SQLite has one writer at a time, and those who wait look again at growing intervals: a removal that takes the lock
    for long, or takes it again at once, would hold up every script that logs.
    """

    def __init__(self, *, least: int, most: int, target_s: float = 0.01) -> None:
        self.size = self._least = least
        self._most = most
        self._target_s = target_s

    @contextmanager
    def batch(self) -> Iterator[int]:
        """Give the size of the next batch, and learn from how long it takes."""
        size, began_at = self.size, time.monotonic()
        yield size
        took_s = time.monotonic() - began_at
        if took_s > 2 * self._target_s:
            self.size = max(self._least, size // 2)
        elif took_s < self._target_s / 2:
            self.size = min(self._most, size * 2)


def rest(took_s: float) -> None:
    """Let others write for twice as long as one wrote oneself, if anybody else has wanted to write lately.

    Where nobody has, the next who does waits for one batch, and is seen by the end of it.
    """
    if since_others_wrote_s() > QUIET_S:
        return
    time.sleep(min(max(2 * took_s, SHORTEST_REST_S if has_one_writer() else 0), LONGEST_REST_S))
