"""The words of a search: what is compared, how, and the tree that a filter becomes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Entity(StrEnum):
    """What a key belongs to."""

    ATTRIBUTE = "attribute"
    METRIC = "metric"
    PARAM = "parameter"
    TAG = "tag"
    DATASET = "dataset"


class Op(StrEnum):
    """How a key is compared with a value."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    LIKE = "LIKE"
    ILIKE = "ILIKE"
    IN = "IN"
    NOT_IN = "NOT IN"
    IS_NULL = "IS NULL"
    IS_NOT_NULL = "IS NOT NULL"


class Stat(StrEnum):
    """Which figure of a metric's values is meant. Nothing written means the last, by MLflow's rule."""

    LAST = "last"
    MIN = "min"
    MAX = "max"
    MEAN = "mean"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One clause of a filter.

    ``key`` is the canonical name, whatever alias was written. ``value`` is a float where the key is numeric (infinite
    where the number written is too large for one), a tuple for IN and NOT IN, None for IS NULL and IS NOT NULL, else
    text; times are milliseconds since 1970. ``column`` is the 0-based offset of the key in the filter.
    """

    entity: Entity
    key: str
    op: Op
    value: str | float | tuple[str, ...] | None
    column: int
    stat: Stat = Stat.LAST


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more."""

    children: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more."""

    children: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of one."""

    child: "Tree"


Tree: TypeAlias = Comparison | And | Or | Not


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One key to sort by; ``key`` is canonical, as in Comparison."""

    entity: Entity
    key: str
    is_ascending: bool
    stat: Stat = Stat.LAST
