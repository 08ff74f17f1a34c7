"""What a process remembers of the database, to ask less often.

Two kinds: facts that never change while the row is there (the number of a key), and answers that may be wrong for at
most a second (whom a token stands for), which is how long other processes may take to notice a revocation.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import ClassVar, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """A bounded map that forgets what was not asked for longest, and everything ``life_s`` seconds after it was put."""

    _all: ClassVar[list["Memory[Hashable, object]"]] = []

    def __init__(self, *, size: int, life_s: float | None = None) -> None:
        self._size = size
        self._life_s = life_s
        self._held: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._lock = threading.Lock()
        Memory._all.append(self)  # type: ignore[arg-type]

    def get(self, key: K) -> V | None:
        """Return what is remembered, None for nothing."""
        with self._lock:
            found = self._held.get(key)
            if found is None:
                return None
            if found[1] < time.monotonic():
                del self._held[key]
                return None
            self._held.move_to_end(key)
            return found[0]

    def get_all(self, keys: Iterable[K]) -> dict[K, V]:
        """Return what is remembered of each key, of many at once."""
        now = time.monotonic()
        with self._lock:
            held = [(key, self._held[key]) for key in keys if key in self._held]
            for key, _ in held:
                self._held.move_to_end(key)
        return {key: value for key, (value, until) in held if until >= now}

    def put(self, key: K, value: V) -> None:
        """Remember a value."""
        until = float("inf") if self._life_s is None else time.monotonic() + self._life_s
        with self._lock:
            self._held[key] = (value, until)
            self._held.move_to_end(key)
            if len(self._held) > self._size:
                self._held.popitem(last=False)

    def recall(self, key: K, find: Callable[[], V | None]) -> V | None:
        """Return what is remembered, else what ``find`` finds, which is remembered from then on if it is anything."""
        known = self.get(key)
        if known is None and (known := find()) is not None:
            self.put(key, known)
        return known

    def forget(self) -> None:
        """Remember nothing."""
        with self._lock:
            self._held.clear()

    @classmethod
    def forget_all(cls) -> None:
        """Make every memory of this process forget; for tests, whose databases go back in time."""
        for memory in cls._all:
            memory.forget()
