"""JSON lines: one object a line (https://jsonlines.org).

Strings come out as they are, other values as JSON text, absent ones as null; a text of paragraphs
(a list of strings) is joined by line breaks. Blank lines are no
rows. A line that holds anything but one JSON object (RFC 8259) is a row in error.
"""

import json
import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa

from pipeline.corpus.documents import ENCODING, JSON
from pipeline.corpus.formats.lines import (
    Row,
    bad_bytes,
    gather_rows,
    part_of,
    read_lines,
)
from pipeline.corpus.nested import get, names_inside
from pipeline.corpus.sources import AS_TEXT, Columns, Facts, ReadSettings, Rows
from pipeline.errors import BadFileError

SAMPLE_LINES = 1000  # read to learn which keys there are


def inspect(path: str, settings: ReadSettings) -> Facts:
    """Finds the keys of the first rows; the rows can't be counted without reading them all.

    Raises:
        BadFileError: if none of it can be read.
    """
    return look_at(read_lines(path))


def look_at(texts: Iterator[bytes]) -> Facts:
    """Finds the keys of the first objects, each of which is a text by itself.

    Raises:
        BadFileError: as `texts` does, if it is before the first key.
    """
    keys: dict[str, None] = {}
    inner: set[str] = set()
    bad: BadFileError | None = None
    try:
        for text in islice(texts, SAMPLE_LINES):
            value, _ = parse_line(text)
            keys.update(dict.fromkeys(value or {}))
            inner.update(names_inside(value or {}))
    except BadFileError as error:
        if not keys:
            raise
        bad = error
    schema = pa.schema([(key, pa.string()) for key in keys])
    return Facts(schema, None, bad=bad, inner=frozenset(inner))


def read(
    path: str,
    start: int,
    rows: int | None,
    columns: Columns,
    settings: ReadSettings,
    file_size: int | None = None,
) -> Iterator[Rows]:
    """Reads `rows` rows, or all, behind the first `start`, within `file_size`.

    Raises:
        BadFileError: if it can't be read so far.
    """
    lines = part_of(not_blank(read_lines(path, file_size)), start, rows)
    yield from rows_of(lines, columns, settings)


def not_blank(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines that are rows."""
    return (line for line in lines if not line.isspace() and line)


def rows_of(texts: Iterator[bytes], columns: Columns, settings: ReadSettings) -> Iterator[Rows]:
    """Rows from the texts of objects.

    Raises:
        BadFileError: as `texts` does, after what came before.
    """
    ways: list[tuple[str, str, Callable[[Any], str | None]]] = []
    if not columns.names():  # who only counts rows needn't parse them
        yield from gather_rows((([], None, len(text)) for text in texts), [], settings.shard_rows)
        return
    for name in columns.names():
        is_text = name in columns.text
        if name in columns.values():
            ways.append((name, name, _value))
        if is_text:
            ways.append((name, AS_TEXT + name if name in columns.values() else name, _text))
    parsed = (_row(text, ways) for text in texts)
    yield from gather_rows(parsed, [name for _, name, _ in ways], settings.shard_rows)


def _row(line: bytes, ways: list[tuple[str, str, Callable[[Any], str | None]]]) -> Row:
    value, error = parse_line(line)
    if value is None:
        return None, error, len(line)
    try:
        return [write(get(value, name)) for name, _, write in ways], None, len(line)
    except _UnusableError as problem:
        return None, f"{JSON}: {problem}", len(line)


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


class _UnusableError(ValueError):
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


def _text(value: Any) -> str | None:
    """A value as a text to be labelled: strings, paragraphs as lines, other values as JSON text."""
    if isinstance(value, list) and all(isinstance(one, str | None) for one in value):
        return "\n".join(one for one in value if one is not None)
    return _value(value)


def _value(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, _Unusable):
        raise _UnusableError(value.reason)
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # it reads deeper nesting than it writes
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_value)
        except RecursionError as error:
            raise _UnusableError("a value is nested too deep") from error
