"""Clauses of MLflow's filter grammar."""

from __future__ import annotations

from collections.abc import Mapping

from mlportal.errors import InvalidError


def equals(entity: str, wanted: Mapping[str, str] | str | None) -> list[str]:
    """Return clauses that say that ``tags`` or ``params`` have a key (a text), or these values (a mapping)."""
    if wanted is None:
        return []
    if isinstance(wanted, str):
        return [f"{entity}.{_quoted_key(wanted)} IS NOT NULL"]
    return [f"{entity}.{_quoted_key(key)} = {_quoted_value(value)}" for key, value in wanted.items()]


def _quoted_key(key: str) -> str:
    if "`" in key:
        raise InvalidError(f"A filter cannot name {key!r}: it has a backtick in it.")
    return f"`{key}`"


def _quoted_value(value: str) -> str:
    """Return a text as MLflow's grammar has it, which knows no escapes."""
    if "'" not in value:
        return f"'{value}'"
    if '"' not in value:
        return f'"{value}"'
    raise InvalidError(f"A filter cannot say {value!r}: it has both kinds of quotes in it.")
