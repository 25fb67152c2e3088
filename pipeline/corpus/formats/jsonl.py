"""JSON lines: one object a line (https://jsonlines.org).

Strings come out as they are, other values as JSON text, absent ones as null. Blank lines are no
rows. A line that holds anything but one JSON object (RFC 8259) is a row in error.
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa

from pipeline.corpus.documents import ENCODING, JSON, Facts, ReadSettings, Rows
from pipeline.corpus.formats.lines import Row, bad_bytes, gather_rows, read_lines
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
    bad: BadFileError | None = None
    try:
        for text in islice(texts, SAMPLE_LINES):
            value, _ = parse_line(text)
            keys.update(dict.fromkeys(value or {}))
    except BadFileError as error:
        if not keys:
            raise
        bad = error
    return Facts(pa.schema([(key, pa.string()) for key in keys]), None, bad=bad)


def read(
    path: str,
    start: int,
    rows: int | None,
    columns: list[str],
    settings: ReadSettings,
    file_size: int | None = None,
) -> Iterator[Rows]:
    """Reads the file from its beginning (`start` is 0), `rows` rows or all, within `file_size`.

    Raises:
        BadFileError: if it can't be read to its end.
    """
    lines = (line for line in read_lines(path, file_size) if not line.isspace() and line)
    parsed = (row_of(line, columns) for line in islice(lines, rows))
    yield from gather_rows(parsed, columns, settings.shard_rows)


def row_of(line: bytes, columns: list[str]) -> Row:
    """The values of the columns in one object's text."""
    value, error = parse_line(line)
    fields = None if value is None else [_text(value.get(column)) for column in columns]
    return fields, error, len(line)


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
        return None, f"{JSON}: {error}"
    if not isinstance(value, dict):
        return None, f"{JSON}: the line is {_KINDS[type(value)]}, not an object"
    return value, None


_KINDS = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a truth value",
    type(None): "null",
}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # it reads deeper nesting than it writes
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
