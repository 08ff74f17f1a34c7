"""MLflow's rules on names and values (validation.py of mlflow 3.17, by behaviour)."""

import functools
import posixpath
import re
from collections.abc import Sequence

from tracking.core.errors import InvalidParameterError
from tracking.runs.types import MAX_KEY, DatasetLogged, Pair

NAME_PATTERN = re.compile(r"[/\w.\- :]*")
PLAIN_PATTERN = re.compile(r"\w[\w\-]*(/\w[\w\-]*)*")
CHARSET = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), "  # MLflow's words
    "periods (.), spaces ( ), colon(:) and slashes (/)."
)


def check_key(name: str, *, field: str) -> None:
    """Check the name of a param, metric or tag; ``field`` is its place in the request, e.g. ``metrics[3].name``.

    :raises InvalidParameterError: if it breaks a rule.
    """
    if _is_plain(name):
        return
    if not name:
        raise missing(field)
    if len(name) > MAX_KEY:
        raise InvalidParameterError(
            f"'{field}' exceeds the maximum length of {MAX_KEY} characters: it has {len(name)} ({name[:40]!r}…)"
        )
    if not NAME_PATTERN.fullmatch(name):
        raise InvalidParameterError(f"Invalid value \"{name}\" for parameter '{field}' supplied: {CHARSET}")
    normal = posixpath.normpath(name)
    if normal != name or name == "." or name.startswith(("/", "..")):
        raise InvalidParameterError(
            f"Invalid value \"{name}\" for parameter '{field}' supplied: Names may be treated as files in certain "
            f"cases, and must not resolve to other names when treated as such. This name would resolve to '{normal}'"
        )


@functools.lru_cache(maxsize=100_000)
def _is_plain(name: str) -> bool:
    """Tell quickly that most names break no rule; False says nothing."""
    return PLAIN_PATTERN.fullmatch(name) is not None and len(name) <= MAX_KEY


def missing(field: str) -> InvalidParameterError:
    """Return MLflow's error about a required field that is absent or empty."""
    return InvalidParameterError(
        f"Missing value for required parameter '{field}'. "
        "See the API docs for more information about request parameters."
    )


def check_length(value: str, *, field: str, most: int) -> None:
    """Check that a text is not too long.

    :raises InvalidParameterError: if it is.
    """
    if len(value) > most:
        raise InvalidParameterError(
            f"'{field}' exceeds the maximum length of {most} characters: it has {len(value)} ({value[:40]!r}…)"
        )


def check_distinct(pairs: Sequence[Pair], *, field: str) -> None:
    """Check that no key is given twice.

    :raises InvalidParameterError: if one is; names it.
    """
    seen: set[str] = set()
    for pair in pairs:
        if pair.key in seen:
            raise InvalidParameterError(f"Duplicate {field} keys have been submitted: {pair.key!r}.")
        seen.add(pair.key)


def check_dataset(given: DatasetLogged, number: int) -> None:
    """Check a dataset that a run used; ``number`` is its place in the request.

    :raises InvalidParameterError: if its name, digest or source type is missing, or a text is too long.
    """
    field = f"datasets[{number}]"
    for name, value in (("name", given.name), ("digest", given.digest), ("source_type", given.source_type)):
        if not value:
            raise missing(f"{field}.dataset.{name}")
    check_length(given.name, field=f"{field}.dataset.name", most=500)
    check_length(given.digest, field=f"{field}.dataset.digest", most=36)
    check_length(given.source_type, field=f"{field}.dataset.source_type", most=36)
    check_length(given.source, field=f"{field}.dataset.source", most=65_535)
    check_length(given.schema, field=f"{field}.dataset.schema", most=1_048_575)
    check_length(given.profile, field=f"{field}.dataset.profile", most=16_777_215)
    for tag in given.tags:
        check_length(tag.key, field=f"{field}.tags.key", most=255)
        check_length(tag.value, field=f"{field}.tags.value", most=500)
