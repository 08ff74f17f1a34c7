"""The parts that several requests share, and MLflow's enums."""

import re
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import TypeVar

from tracking.core.clock import LAST_MS, from_ms
from tracking.core.errors import InvalidParameterError
from tracking.core.json import Int64, Request
from tracking.runs.rules import missing
from tracking.runs.types import Lifecycle, Pair

Word = TypeVar("Word", bound=Enum)
LIFECYCLES = (Lifecycle.ACTIVE, Lifecycle.DELETED, Lifecycle.ALL)
MAX_PAGE = 50_000


class KeyValue(Request):
    """A param or a tag; the value may be absent, which is the empty text."""

    key: str
    value: str | None = None


class RunNamed(Request):
    """A request that names a run under either of MLflow's two spellings."""

    run_id: str | None = None
    run_uuid: str | None = None

    @property
    def uid(self) -> str:
        """Return the id. :raises InvalidParameterError: if neither or two different ones are given."""
        uid = self.run_id or self.run_uuid
        if not uid:
            raise missing("run_id")
        if self.run_id and self.run_uuid and self.run_id != self.run_uuid:
            raise InvalidParameterError(f"run_id={self.run_id[:80]!r} and run_uuid={self.run_uuid[:80]!r} differ.")
        return uid


def pairs(given: Sequence[KeyValue] | None) -> list[Pair]:
    """Return params or tags as the rooms know them."""
    return [Pair(one.key, one.value or "") for one in given or ()]


def moment(ms: Int64 | None, *, field: str) -> datetime | None:
    """Return the moment that MLflow's milliseconds name.

    :raises InvalidParameterError: if they lie before 1970 or after the year 9999.
    """
    if ms is None:
        return None
    if not 0 <= ms <= LAST_MS:
        raise InvalidParameterError(
            f"Invalid value {ms} for parameter '{field}' supplied: it takes milliseconds since 1970, 0 to {LAST_MS}."
        )
    return from_ms(ms)


def word(given: str | int | None, words: Sequence[Word]) -> Word | None:
    """Return the enum member that a name or a protobuf number (from 1) means; None for an unknown one, as MLflow."""
    if isinstance(given, str) and re.fullmatch(r"\d{1,9}", given, re.ASCII):
        given = int(given)
    if isinstance(given, int):
        return words[given - 1] if 1 <= given <= len(words) else None
    return next((one for one in words if one.value == given), None)


def page_size(given: int | None, *, default: int, most: int = MAX_PAGE) -> int:
    """Return how many rows to answer with.

    :raises InvalidParameterError: if the number is not from 1 to ``most``.
    """
    if given is None:
        return default
    if not 1 <= given <= most:
        raise InvalidParameterError(
            f"Invalid value {given} for parameter 'max_results' supplied: It must be at least 1 and at most {most}."
        )
    return given
