"""How much to do at once, so that others hardly wait: small transactions, and a rest after each while others write."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tracking.cleanup.store import has_one_writer, since_others_wrote_s

# What a transaction may take: on SQLite while others write, else (somebody may begin to), and on PostgreSQL.
SHORT_S, LONG_S, LONGEST_S = 0.01, 0.05, 0.5
SHORTEST_REST_S, LONGEST_REST_S = 0.025, 0.1  # who waits for SQLite's lock looks again after up to 25 ms
QUIET_S = 0.5  # whoever wanted to write longer ago does not write now; who begins to is seen after one transaction


class Pace:
    """A batch size that grows and shrinks, from ``least`` to ``most``, until a batch takes about as long as it may.

    What a process has learnt holds for all its deletions; one that is new begins with little.

    SQLite has one writer at a time, and those who wait look again at growing intervals: a removal that takes the lock
    for long, or takes it again at once, would hold up every script that logs.
    """

    def __init__(self, *, least: int, most: int) -> None:
        self.size = self._least = least
        self._most = most

    @contextmanager
    def batch(self) -> Iterator[int]:
        """Give the size of the next batch, and learn from how long it takes."""
        size, began_at = self.size, time.monotonic()
        yield size
        took_s, target_s = time.monotonic() - began_at, _target_s()
        if took_s > 2 * target_s:
            self.size = max(self._least, size // 2)
        elif took_s < target_s / 2:
            self.size = min(self._most, size * 2)


def rest(took_s: float) -> None:
    """Let others write: for twice as long as one wrote oneself where they had to wait, for as long on PostgreSQL.

    Not on SQLite while nobody else writes: the first who does waits for one transaction, and is seen by its end.
    """
    if _is_in_the_way():
        time.sleep(min(max(2 * took_s, SHORTEST_REST_S), LONGEST_REST_S))
    elif not has_one_writer():
        time.sleep(min(took_s, LONGEST_REST_S))


def _target_s() -> float:
    if not has_one_writer():
        return LONGEST_S
    return SHORT_S if _is_in_the_way() else LONG_S


def _is_in_the_way() -> bool:
    return has_one_writer() and since_others_wrote_s() < QUIET_S
