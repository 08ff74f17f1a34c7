"""Looking again and again until something is so."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from mlportal.errors import TimedOutError

T = TypeVar("T")


def wait_until(
    look: Callable[[], T],
    is_so: Callable[[T], bool],
    *,
    first_pause_s: float,
    longest_pause_s: float,
    timeout_s: float | None,
    still: Callable[[T], str],
) -> T:
    """Return what ``look`` returned as soon as that is so. Pauses grow by half from the first to the longest.

    ``timeout_s`` None: as long as it takes.

    :raises TimedOutError: if it takes longer, with the text of ``still``.
    """
    give_up_at = None if timeout_s is None else time.monotonic() + timeout_s
    pause_s = first_pause_s
    while True:
        found = look()
        if is_so(found):
            return found
        if give_up_at is not None and time.monotonic() + pause_s > give_up_at:
            raise TimedOutError(f"{still(found)} after {timeout_s:g} s.")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, longest_pause_s)
