"""How passwords are kept."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.hashers import Argon2PasswordHasher

from tracking.core.errors import UnavailableError

AT_ONCE = max(1, (os.cpu_count() or 1) - 1)  # a core stays free for those who log
MAX_WAITING = 4
WAIT_S = 5
CROWDED = "Too many people sign in at this moment. Try again in a second."


class HashingSlots:
    """Lets ``at_once`` threads hash and ``waiting`` more wait; whoever comes then is told to come back.

    Hashing is dear on purpose. Without this, people who sign in would keep every thread from runs that log.
    """

    def __init__(self, *, at_once: int, waiting: int = MAX_WAITING, wait_s: float = WAIT_S) -> None:
        self._running = threading.BoundedSemaphore(at_once)
        self._inside = threading.BoundedSemaphore(at_once + waiting)
        self._wait_s = wait_s

    def check_room(self) -> None:
        """Do nothing if somebody could come now. :raises UnavailableError: if they would be told to come back."""
        if not self._inside.acquire(blocking=False):
            raise UnavailableError(CROWDED)
        self._inside.release()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a slot for the block. :raises UnavailableError: if too many wait already, or the wait is too long."""
        if not self._inside.acquire(blocking=False):
            raise UnavailableError(CROWDED)
        try:
            if not self._running.acquire(timeout=self._wait_s):
                raise UnavailableError(CROWDED)
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._inside.release()


SLOTS = HashingSlots(at_once=AT_ONCE)


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes, one lane: OWASP's least for passwords, a tenth of a second a sign-in."""

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Return the hash of a new password. :raises UnavailableError: if too many are hashed at once."""
        with SLOTS.taken():
            encoded: str = super().encode(password, salt)
            return encoded

    def verify(self, password: str, encoded: str) -> bool:
        """Tell whether this is the password. :raises UnavailableError: if too many are hashed at once."""
        with SLOTS.taken():
            is_right: bool = super().verify(password, encoded)
            return is_right
