"""What may come next in a filter that is being written: a key, an operator, a value, or a word that joins.

Forgiving where the parser is strict, because what is written is not finished.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from tracking.search.types import Entity

_TOKEN = re.compile(
    r"""
      (?P<KEY>      [^\W\d]\w* \. (?: `[^`]*` | "[^"]*" | [\w./-]+ ) )
    | (?P<TEXT>     '[^']*' | "[^"]*" )
    | (?P<OPEN>     [^\W\d]\w* \. (?: `[^`]* | "[^"]* )? \Z | '[^']*\Z | "[^"]*\Z )
    | (?P<NUMBER>   [+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?(?![\w.]) )
    | (?P<OPERATOR> [<>=!]+ )
    | (?P<MARK>     [(),] )
    | (?P<WORD>     [^\W\d]\w* (?: / [\w./-]* )? )
    | (?P<OTHER>    \S )
    """,
    re.VERBOSE,
)
_JOINS = ("AND", "OR", "NOT", "(")
_WORD_OPERATORS = ("LIKE", "ILIKE", "IN", "IS")
_QUOTES = "'\"`"
_ENTITIES = {"metrics": Entity.METRIC, "params": Entity.PARAM, "tags": Entity.TAG, "attributes": Entity.ATTRIBUTE}


class Next(StrEnum):
    """What may stand at a place."""

    KEY = "key"
    OPERATOR = "operator"
    VALUE = "value"
    JOIN = "join"


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody writes: what is due, the word begun there (without its quote), and where it starts.

    ``entity`` and ``key`` belong to the comparison that an operator or a value is due in.
    """

    due: Next
    begun: str
    start: int
    entity: Entity | None = None
    key: str = ""


def place_at(text: str, caret: int) -> Place:
    """Return what is due at the caret. Reads what stands before it, in linear time."""
    before = text[:caret]
    start = _start_of_word(before)
    begun = before[start:]
    due, entity, key = Next.KEY, None, ""
    for token in _TOKEN.finditer(before[:start]):
        kind, said = token.lastgroup, token[0].upper()
        if said in _JOINS and not (said == "NOT" and due is Next.OPERATOR) and not (said == "(" and due is Next.VALUE):
            due = Next.KEY
        elif kind == "OPERATOR" or said in _WORD_OPERATORS:
            due = Next.VALUE
        elif due is Next.KEY and kind in ("KEY", "WORD"):
            entity, key = _key_of(token[0])
            due = Next.OPERATOR
        elif due is Next.VALUE and said not in ("(", ",", "NOT"):
            due = Next.JOIN
        elif said == ",":
            due = Next.VALUE
    return Place(due, begun.lstrip(_QUOTES) if due is Next.VALUE else begun, start, entity, key)


def _start_of_word(before: str) -> int:
    """Return where the word begins that is being written; the end of the text where none is."""
    for token in _TOKEN.finditer(before):
        if token.end() == len(before) and token.lastgroup in ("KEY", "WORD", "NUMBER", "OPEN"):
            return token.start()
    return len(before)


def _key_of(text: str) -> tuple[Entity | None, str]:
    prefix, dot, name = text.partition(".")
    if not dot:
        return Entity.ATTRIBUTE, prefix
    return _ENTITIES.get(prefix), name.strip(_QUOTES)
