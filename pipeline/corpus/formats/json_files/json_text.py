"""JSON texts: one object from its bytes, and its values as text."""

import json
import math
from typing import Any

import orjson

from pipeline.corpus.documents import ENCODING, JSON
from pipeline.corpus.formats.lines import bad_bytes


def parse_line(line: bytes) -> tuple[dict[str, Any] | None, str | None]:
    """Parses one line.

    Returns:
        The object and None, or None and the reason why there is none.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        try:
            line.decode()
        except UnicodeDecodeError:
            return None, f"{ENCODING}: {bad_bytes(line)}"
        value = _lenient(line)
        if value is None:
            return None, f"{JSON}: {error}"
    if isinstance(value, _Unusable):
        return None, f"{JSON}: {value.reason}"
    if not isinstance(value, dict):
        return None, f"{JSON}: the line is {_KINDS[type(value)]}, not an object"
    return value, None


class UnusableError(ValueError):
    """A value that is used cannot be written as text."""


class _Unusable:
    """In the place of a value that JSON allows and nobody can use."""

    def __init__(self, reason: str):
        self.reason = reason


def _lenient(line: bytes) -> Any:
    """Parses what is JSON by the letter: numbers beyond a double's range, half surrogate pairs.

    They matter only where they are used, so there is an `_Unusable` in their place.
    """
    try:
        return _usable(json.loads(line.decode(), parse_constant=_refuse_constant))
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _usable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _usable(inner) for key, inner in value.items() if _is_text(key)}
    if isinstance(value, list):
        return [_usable(inner) for inner in value]
    if isinstance(value, str) and not _is_text(value):
        return _Unusable("a string has half of a surrogate pair")
    if isinstance(value, float) and math.isinf(value):
        return _Unusable("a number is beyond the range of a double")
    return value


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


_KINDS = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a truth value",
    type(None): "null",
}


def as_text(value: Any) -> str | None:
    """A value as a text to be labelled: strings, paragraphs as lines, other values as JSON text."""
    if isinstance(value, list) and all(isinstance(one, str | None) for one in value):
        return "\n".join(one for one in value if one is not None)
    return as_value(value)


def as_value(value: Any) -> str | None:
    """A value as a column has it: a string as it is, others as JSON text.

    Raises:
        UnusableError: if it can't be written.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, _Unusable):
        raise UnusableError(value.reason)
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # it reads deeper nesting than it writes
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=as_value)
        except RecursionError as error:
            raise UnusableError("a value is nested too deep") from error
