r"""Filters and order clauses, read once from left to right.

MLflow's search language, and beyond it OR, NOT, parentheses, IN for every text, the figures of a metric, and times as
dates ('2026-11-01', '2026-11-01T12:30', UTC unless they say otherwise) or as ages ('7d': that long ago; m, h, d, w)::

    filter     := either
    either     := all (OR all)*
    all        := one (AND one)*              AND may be left out before a comparison
    one        := NOT one | "(" either ")" | comparison
    comparison := key (= | != | < | <= | > | >= | LIKE | ILIKE) value
                | key [NOT] IN "(" text ("," text)* [","] ")"
                | key IS [NOT] NULL
    key        := [prefix "."] name           a name may be quoted: params.`a b`, params."a b"
                | (min | max | mean | last | count) "(" metric ")"

Keywords may be in any case; prefixes and names may not. Nothing is escaped inside quotes: a doubled quote stays
doubled, and a backslash is a backslash. No pattern here backtracks: the time is linear in the length of the text.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from itertools import islice
from typing import NoReturn

from tracking.core.clock import EPOCH
from tracking.core.errors import FilterError
from tracking.search.grammars import Grammar, Key, Kind
from tracking.search.times import AGE, DATE, read_time
from tracking.search.types import And, Comparison, Entity, Not, Op, Or, OrderKey, Stat, Tree

# What one request may ask of the parser and of the database behind it (reliability.md, D7).
MAX_TEXT_BYTES = 64 * 1024
MAX_DEPTH = 32
MAX_COMPARISONS = 100
MAX_ORDER_KEYS = 32

_SHOWN_CHARS = 80
_INVALID_CLAUSE = "Invalid clause(s) in filter string"
_KEYWORDS = frozenset({"AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "ILIKE", "BETWEEN"})
_WORD_OPS = {"LIKE": Op.LIKE, "ILIKE": Op.ILIKE, "IN": Op.IN}
_QUOTED_NOUNS = {
    Entity.ATTRIBUTE: "attributes",
    Entity.PARAM: "parameter (e.g. 'my-value')",
    Entity.TAG: "tag (e.g. 'my-value')",
    Entity.DATASET: "dataset attributes",
}
_HINTS = {
    "==": "use = instead of ==",
    "<>": "use != instead of <>",
    "=<": "use <= instead of =<",
    "=>": "use >= instead of =>",
    "NOT LIKE": "put NOT before the comparison: NOT key LIKE 'pattern'",
    "NOT ILIKE": "put NOT before the comparison: NOT key ILIKE 'pattern'",
}

# What a database cannot store as text, so that nothing can match it.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_QUOTED = "|".join(f"{quote}[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+{quote}" for quote in "'\"`")
_TOKEN = re.compile(
    rf"""
      (?P<SPACE>      \s++ )
    | (?P<QUALIFIED>  (?: [^\W\d]\w*+ | `\w++` ) \. (?: {_QUOTED} | [\w.]*+ ) )
    | (?P<WORD>       [^\W\d]\w*+ )
    | (?P<TIME>     (?: {DATE} | {AGE} ) (?![\w.]) )
    | (?P<NUMBER>     [+-]? (?: [0-9]++ \.? [0-9]*+ | \.[0-9]++ ) (?: [eE][+-]?[0-9]++ )?+ (?![\w.]) )
    | (?P<QUOTED>     {_QUOTED} )
    | (?P<OPERATOR>   [<>=!~]++ )
    | (?P<MARK>       [(),] )
    """,
    re.VERBOSE,
)


class _Type(Enum):
    QUALIFIED = auto()
    WORD = auto()
    TIME = auto()
    NUMBER = auto()
    QUOTED = auto()
    OPERATOR = auto()
    MARK = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class _Token:
    type: _Type
    text: str
    column: int

    @property
    def keyword(self) -> str | None:
        """The keyword that the token is, in capitals, or None."""
        word = self.text.upper() if self.type is _Type.WORD else ""
        return word if word in _KEYWORDS else None

    @property
    def is_text(self) -> bool:
        """Whether the token can be a text value: quoted, and not in backticks, which are for names."""
        return self.type is _Type.QUOTED and not self.text.startswith("`")

    @property
    def is_name(self) -> bool:
        """Whether the token can be a key: single quotes are for values unless a prefix stands before them."""
        if self.type is _Type.QUOTED:
            return not self.text.startswith("'")
        return self.type is _Type.QUALIFIED or (self.type is _Type.WORD and self.keyword is None)


def parse_filter(text: str, grammar: Grammar, *, now: datetime | None = None) -> Tree | None:
    """Return the tree that a filter means, or None for the empty filter, which everything matches.

    A filter of one comparison is that comparison. Takes time linear in the text's length; the tree is at most 32
    parentheses and NOTs deep and has at most 100 comparisons. Ages need ``now``.

    :raises FilterError: if the filter does not parse; its text and ``column`` say where.
    """
    if not text:
        return None
    _check_text(text)
    if text.isspace():
        raise _error(f"Invalid filter {_shown(text)}. Could not be parsed.", text, 0)
    return _FilterParser(text, grammar, now).parse()


def parse_order_by(clauses: Sequence[str], grammar: Grammar) -> tuple[OrderKey, ...]:
    """Return the keys to sort by, most significant first; each clause is one key, then ASC (the default) or DESC.

    :raises FilterError: if a clause does not parse; ``text`` is that clause.
    """
    if len(clauses) > MAX_ORDER_KEYS:
        message = f"order_by has {len(clauses)} clauses; at most {MAX_ORDER_KEYS} are allowed"
        raise FilterError(message, text=clauses[MAX_ORDER_KEYS], column=0)
    return tuple(_parse_order_clause(clause, grammar) for clause in clauses)


def _parse_order_clause(text: str, grammar: Grammar) -> OrderKey:
    _check_text(text)
    unparsed = f"Invalid order_by clause {_shown(text)}. Could not be parsed"
    # A good clause is at most a figure of a key, a direction and the end; the seventh token is one too many already.
    tokens = list(islice(_tokens(text, trouble=unparsed), 7))
    stat = Stat.LAST
    if len(tokens) > 3 and tokens[0].type is _Type.WORD and (tokens[1].text, tokens[3].text) == ("(", ")"):
        stat = _resolve_stat(tokens[0], text, grammar)
        tokens = [tokens[2], *tokens[4:]]
    name, *others = tokens
    if not name.is_name:
        raise _error(f"{unparsed}: expected a key such as metrics.loss", text, name.column)

    direction, *surplus = others
    if len(surplus) > 1:
        raise _error(f"{unparsed}: expected one key and ASC or DESC", text, surplus[0].column)
    if direction.type is not _Type.END and direction.text.upper() not in ("ASC", "DESC"):
        message = f"Invalid ordering key in order_by clause {_shown(text)}. Expected ASC or DESC"
        raise _error(message, text, direction.column)

    entity, key = _resolve(name, text, grammar)
    if entity is Entity.DATASET:
        raise _error(f"Invalid order_by clause {_shown(text)}. Runs cannot be sorted by a dataset", text, name.column)
    _check_stat(stat, entity, name, text)
    return OrderKey(entity, key.name, is_ascending=direction.text.upper() != "DESC", stat=stat)


class _FilterParser:
    """Recursive descent over one filter, one token ahead; the depth is counted, so Python's stack is no limit."""

    def __init__(self, text: str, grammar: Grammar, now: datetime | None) -> None:
        self._text = text
        self._grammar = grammar
        self._now = now
        self._tokens = _tokens(text, trouble=_INVALID_CLAUSE)
        self._token = next(self._tokens)
        self._depth = 0
        self._comparisons = 0

    def parse(self) -> Tree:
        tree = self._either()
        if self._token.type is not _Type.END:
            self._refuse(self._token, "expected AND or OR")
        return tree

    def _either(self) -> Tree:
        children = [self._all()]
        while self._token.keyword == "OR":
            self._advance()
            children.append(self._all())
        return children[0] if len(children) == 1 else Or(tuple(children))

    def _all(self) -> Tree:
        children = [self._one()]
        while True:
            if self._token.keyword == "AND":
                self._advance()
            elif not self._token.is_name:
                break
            children.append(self._one())
        return children[0] if len(children) == 1 else And(tuple(children))

    def _one(self) -> Tree:
        token = self._token
        if token.keyword != "NOT" and token.text != "(":
            return self._comparison()

        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _error(f"The filter nests deeper than {MAX_DEPTH} levels", self._text, token.column)
        self._advance()
        if token.text == "(":
            tree = self._either()
            self._expect(")", "expected AND, OR or a closing parenthesis")
        else:
            tree = Not(self._one())
        self._depth -= 1
        return tree

    def _comparison(self) -> Comparison:
        name = self._token
        if not name.is_name:
            self._refuse(name, "expected a comparison such as metrics.loss < 1 or tags.stage = 'final'")
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise _error(f"The filter has more than {MAX_COMPARISONS} comparisons", self._text, name.column)
        self._advance()
        stat, begin = Stat.LAST, name.column
        if self._token.text == "(" and name.type is _Type.WORD:
            stat = _resolve_stat(name, self._text, self._grammar)
            self._advance()
            name = self._advance()
            if not name.is_name:
                self._refuse(name, f"expected a metric such as {stat}(metrics.loss)")
            self._expect(")", "expected a closing parenthesis")

        operator = self._token
        if operator.keyword == "BETWEEN":
            self._refuse(operator, "use >= and <= instead of BETWEEN")
        if operator.type not in (_Type.OPERATOR, _Type.WORD) or operator.keyword in ("AND", "OR"):
            self._refuse(operator, f"{_clipped(name.text)} needs an operator and a value")
        entity, key = _resolve(name, self._text, self._grammar)
        _check_stat(stat, entity, name, self._text)
        op = self._op(entity, key)
        return Comparison(entity, key.name, op, self._value(entity, key, op), begin, stat)

    def _op(self, entity: Entity, key: Key) -> Op:
        token = self._advance()
        match token.keyword:
            case "IS":
                is_negated = self._accept("NOT")
                self._expect("NULL", "expected IS NULL or IS NOT NULL")
                op = Op.IS_NOT_NULL if is_negated else Op.IS_NULL
                if op not in key.ops:
                    raise _error(
                        f"IS NULL / IS NOT NULL is only supported for tags and params, not for '{entity}' "
                        f"{_shown(key.name)}",
                        self._text,
                        token.column,
                    )
                return op
            case "NOT":
                word = self._advance()
                written = f"NOT {word.text.upper()}"
                if word.keyword not in _WORD_OPS:
                    self._refuse(word, "expected NOT IN")
            case _:
                written = token.text.upper()

        found = next((op for op in key.ops if op.value == written), None)
        if found is None:
            valid = ", ".join(f"'{op}'" for op in Op if op in key.ops)
            hint = f"; {_HINTS[written]}" if written in _HINTS else ""
            raise _error(
                f"Invalid comparator {_shown(written)} not one of '{{{valid}}}'{hint}", self._text, token.column
            )
        return found

    def _value(self, entity: Entity, key: Key, op: Op) -> str | float | tuple[str, ...] | None:
        if op in (Op.IS_NULL, Op.IS_NOT_NULL):
            return None
        if op in (Op.IN, Op.NOT_IN):
            return self._list()

        token = self._advance()
        if token.type is _Type.END:
            self._refuse(token, f"{_clipped(key.name)} {op} needs a value")
        if key.kind is Kind.TIME and (token.type is _Type.TIME or token.is_text):
            return self._time(key, token)
        if key.kind is not Kind.TEXT:
            if token.type is not _Type.NUMBER:
                noun = "metric" if entity is Entity.METRIC else f"numeric attribute: {key.name}"
                message = f"Expected numeric value type for {noun}. Found {_clipped(token.text)}"
                raise _error(message, self._text, token.column)
            return float(token.text)
        if not token.is_text:
            raise _error(_unquoted(entity, token), self._text, token.column)
        return token.text[1:-1]

    def _time(self, key: Key, token: _Token) -> float:
        text = token.text if token.type is _Type.TIME else token.text[1:-1]
        if self._now is None and text[-1:].isalpha() and text[-1:] != "Z":
            raise _error(f"{key.name} cannot be compared with an age here; write a date", self._text, token.column)
        ms = read_time(text, self._now or EPOCH)
        if ms is None:
            raise _error(
                f"Expected numeric value type for numeric attribute: {key.name}. Found {_clipped(token.text)}; "
                "milliseconds since 1970, a date such as 2026-11-01 or an age such as 7d",
                self._text,
                token.column,
            )
        return ms

    def _list(self) -> tuple[str, ...]:
        opening = self._expect("(", "expected a list such as ('a', 'b')")
        values: list[str] = []
        while self._token.text != ")":
            if not self._token.is_text:
                raise _error(
                    "While parsing a list in the query, expected quoted string values, "
                    f"but got {_clipped(self._token.text) or 'the end'}",
                    self._text,
                    self._token.column,
                )
            values.append(self._advance().text[1:-1])
            if not self._accept(","):
                break
        if not values:
            raise _error(
                "While parsing a list in the query, expected a non-empty list of string values, but got empty list",
                self._text,
                opening.column,
            )
        self._expect(")", "expected a comma or the end of the list")
        return tuple(values)

    def _advance(self) -> _Token:
        """Return the token at hand and go to the next one; the end stays where it is."""
        token = self._token
        if token.type is not _Type.END:
            self._token = next(self._tokens)
        return token

    def _accept(self, text: str) -> bool:
        is_there = self._token.keyword == text or (self._token.type is _Type.MARK and self._token.text == text)
        if is_there:
            self._advance()
        return is_there

    def _expect(self, text: str, hint: str) -> _Token:
        token = self._token
        if not self._accept(text):
            self._refuse(token, hint)
        return token

    def _refuse(self, token: _Token, hint: str) -> NoReturn:
        found = "it ends too early" if token.type is _Type.END else _shown(token.text)
        raise _error(f"{_INVALID_CLAUSE}: {found}; {hint}", self._text, token.column)


def _tokens(text: str, *, trouble: str) -> Iterator[_Token]:
    """Yield the tokens of a text and then one END; at the first character that begins none, raise ``trouble``."""
    column = 0
    while column < len(text):
        match = _TOKEN.match(text, column)
        if match is None:
            stray = text[column:].split(maxsplit=1)[0]
            raise _error(f"{trouble}: {_shown(stray)}; {_stray_hint(stray[0])}", text, column)
        if match.lastgroup != "SPACE":
            yield _Token(_Type[str(match.lastgroup)], match.group(), column)
        column = match.end()
    yield _Token(_Type.END, "", column)


def _stray_hint(character: str) -> str:
    if character in "'\"`":
        return f"the quote {character} is not closed"
    if character in "0123456789.+":
        return "not a number"
    return "unexpected here; a key with such characters is quoted: metrics.`val-loss`"


def _resolve(name: _Token, text: str, grammar: Grammar) -> tuple[Entity, Key]:
    """Return what a name stands for."""
    if name.type is _Type.QUALIFIED:
        prefix, _, key_name = name.text.partition(".")
        prefix = prefix.strip("`")
        key_column = name.column + name.text.index(".") + 1
        if key_name[:1] in ("'", '"', "`"):
            key_name = key_name[1:-1]
        entity = grammar.find_entity(prefix)
        if entity is None:
            valid = [prefixes[0] for prefixes in grammar.prefixes.values()]
            raise _error(f"Invalid entity type {_shown(prefix)}. Valid values are {valid}", text, name.column)
    else:
        entity, key_column = Entity.ATTRIBUTE, name.column
        key_name = name.text[1:-1] if name.type is _Type.QUOTED else name.text
        if not grammar.has_bare_attributes:
            prefix = grammar.prefixes[Entity.ATTRIBUTE][0]
            raise _error(f"Invalid key {_shown(key_name)}: write {prefix}.{_clipped(key_name)}", text, name.column)

    key = grammar.find_key(entity, key_name) if key_name else None
    if key is not None:
        return entity, key
    if entity in (Entity.ATTRIBUTE, Entity.DATASET):
        valid_keys = ", ".join(f"'{known}'" for known in grammar.list_names(entity))
        raise _error(
            f"Invalid {entity} key {_shown(key_name)} specified. Valid keys are '{{{valid_keys}}}'", text, key_column
        )
    raise _error(f"Invalid {entity} key '' specified. A key cannot be empty", text, key_column)


def _resolve_stat(word: _Token, text: str, grammar: Grammar) -> Stat:
    """Return the figure that a word before a parenthesis names."""
    found = next((stat for stat in Stat if stat.value == word.text.lower()), None)
    if found is None or not grammar.has_figures:
        valid = f"Valid functions are {', '.join(Stat)}" if grammar.has_figures else "There are no functions here"
        raise _error(f"Invalid function {_shown(word.text)}. {valid}", text, word.column)
    return found


def _check_stat(stat: Stat, entity: Entity, name: _Token, text: str) -> None:
    if stat is not Stat.LAST and entity is not Entity.METRIC:
        raise _error(f"{stat}(…) takes a metric, not {_shown(name.text)}", text, name.column)


def _unquoted(entity: Entity, token: _Token) -> str:
    """Say what is wrong with a value that should have been a quoted text."""
    value = _clipped(token.text)
    if token.type is _Type.NUMBER:
        return f"Expected a quoted string value for {_QUOTED_NOUNS[entity]}. Got value {value}"
    return (
        "Parameter value is either not quoted or unidentified quote types used for string value "
        f"{value}. Use either single or double quotes."
    )


def _check_text(text: str) -> None:
    """Refuse a text that is too long to be worth reading or that no database can hold."""
    # A character takes at least one byte, so the first test spares encoding what is far too long.
    size_bytes = len(text) if len(text) > MAX_TEXT_BYTES else len(text.encode(errors="surrogatepass"))
    if size_bytes > MAX_TEXT_BYTES:
        raise _error(f"The text is longer than {MAX_TEXT_BYTES} bytes", text, 0)
    unstorable = _UNSTORABLE.search(text)
    if unstorable is not None:
        character = f"U+{ord(unstorable.group()):04X}"
        raise _error(f"The text contains the character {character}, which is not allowed", text, unstorable.start())


def _clipped(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _shown(text: str) -> str:
    return f"'{_clipped(text)}'"


def _error(message: str, text: str, column: int) -> FilterError:
    return FilterError(f"{message} (column {column + 1})", text=text, column=column)
