"""JSON in: bytes to typed structures, once, strictly, and with errors that name the field and the value.

The fast path is msgspec alone. What it cannot read as asked (a number sent as text, a camelCase name, an unknown field)
goes through the lenient path, which follows protobuf's JSON rules as MLflow does. Both refuse what would hurt later:
NUL, lone surrogates, doubled keys, deep nesting.
"""

import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from tracking.core.errors import InvalidParameterError

MAX_DEPTH = 64
INT64 = range(-(2**63), 2**63)
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
SEE_DOCS = "See the API docs for more information about request parameters."
T = TypeVar("T", bound="Request")


class Request(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A request's body or query. A field without a default is required; the empty text counts as missing.

    Every other field defaults to None, which stands for absent: doubled keys are found by writing what was read back
    without the absent fields, and comparing how many members there are.
    """


def decode(body: bytes, kind: type[T]) -> T:
    """Return ``body`` as ``kind``; unknown fields are ignored, an empty body counts as ``{}``.

    :raises InvalidParameterError: if it is not JSON of this kind.
    """
    if b"\\u0000" not in body:
        try:
            fast: T = _decoder(kind).decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            pass
        else:
            # As many members written back as came in: none was given twice.
            if _encoded_colons(fast) == body.count(b":") and not _first_empty(fast):
                return fast
    return convert(_parse(body), kind)


def convert(given: object, kind: type[T]) -> T:
    """Return parsed JSON or a query's fields as ``kind``, by the lenient rules.

    :raises InvalidParameterError: if it does not fit.
    """
    if not isinstance(given, Mapping):
        raise InvalidParameterError(f"The request must be a JSON object, not {_shown(given)}.")
    found: T = _struct(given, kind, "")
    return found


@lru_cache(maxsize=256)
def _decoder(kind: type[T]) -> "msgspec.json.Decoder[T]":
    return msgspec.json.Decoder(kind)


def _encoded_colons(value: object) -> int:
    return msgspec.json.encode(value).count(b":")


def _first_empty(value: "Request") -> str | None:
    return next((field for field in _required(type(value)) if getattr(value, field) in ("", None)), None)


@lru_cache(maxsize=256)
def _required(kind: type["Request"]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(kind) if field.required)


def _parse(body: bytes) -> object:
    try:
        text = body.decode()
        parsed = json.loads(text or "{}", object_pairs_hook=_distinct, parse_constant=_refuse_constant, parse_int=_int)
        _check_depth(parsed)
    except RecursionError:
        raise InvalidParameterError(f"The JSON is nested deeper than {MAX_DEPTH} levels.") from None
    except UnicodeDecodeError as error:
        raise InvalidParameterError(f"The body is not UTF-8: byte {error.start} is {body[error.start]:#04x}.") from None
    except json.JSONDecodeError as error:
        raise InvalidParameterError(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    return parsed


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) <= 25 else float(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidParameterError(f'The body is not JSON: a bare {name} is no number there; send the text "{name}".')


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidParameterError(f"The JSON gives the key {twice[:100]!r} twice in one object.")
    return found


def _check_depth(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise InvalidParameterError(f"The JSON is nested deeper than {MAX_DEPTH} levels.")


def _struct(given: Mapping[str, Any], kind: type[T], path: str) -> T:
    hints = get_type_hints(kind)
    values: dict[str, object] = {}
    for name, value in given.items():
        field = name if name in hints else _snake(name)
        if field not in hints:
            continue
        if field in values:
            raise InvalidParameterError(f"Both spellings of '{path}{field}' are given; send one.")
        if value is not None:
            values[field] = _value(value, hints[field], f"{path}{field}")
    for field in _required(kind):
        if values.get(field) in ("", None):
            raise InvalidParameterError(f"Missing value for required parameter '{path}{field}'. {SEE_DOCS}")
    return kind(**values)


def _value(value: object, hint: object, path: str) -> object:
    options = [hint] if get_origin(hint) is list else [option for option in get_args(hint) or (hint,)]
    for option in options:
        if get_origin(option) is list and isinstance(value, list):
            (inner,) = get_args(option)
            return [_value(item, inner, f"{path}[{number}]") for number, item in enumerate(value)]
        if isinstance(option, type) and issubclass(option, Request) and isinstance(value, Mapping):
            return _struct(value, option, f"{path}.")
        if get_origin(option) is dict and isinstance(value, Mapping):
            return {_text(key, path): _value(item, get_args(option)[1], f"{path}.{key}") for key, item in value.items()}
    if str in options and isinstance(value, str):
        return _text(value, path)
    if float in options:
        return _float(value, path)
    if bool in options:
        return _bool(value, path)
    if int in options:
        return _whole(value, path)
    _refuse(value, path)


def _text(value: str, path: str) -> str:
    if "\0" in value:
        raise InvalidParameterError(f"Invalid value {_shown(value)} for parameter '{path}' supplied: it contains NUL.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidParameterError(
            f"Invalid value {_shown(value)} for parameter '{path}' supplied: it contains half a surrogate pair."
        ) from None
    return value


def _float(value: object, path: str) -> float:
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            _refuse(value, path)
        if math.isfinite(number):
            return number
    _refuse(value, path)


def _whole(value: object, path: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,19}", value, re.ASCII):
        value = int(value)
    # MLflow takes 1.5 milliseconds as 1.
    number = int(value) if isinstance(value, int | float) and math.isfinite(value) else None
    if number is None or isinstance(value, bool) or number not in INT64:
        _refuse(value, path)
    return number


def _bool(value: object, path: str) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    _refuse(value, path)


def _refuse(value: object, path: str) -> NoReturn:
    raise InvalidParameterError(
        f"Invalid value {_shown(value)} for parameter '{path}' supplied: "
        f"Hint: Value was of type '{type(value).__name__}'. {SEE_DOCS}"
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
