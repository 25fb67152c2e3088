"""JSON lines: one object a line (https://jsonlines.org).

Strings come out as they are, other values as JSON text, absent ones as null; a text of paragraphs
(a list of strings) is joined by line breaks. Blank lines are no
rows. A line that holds anything but one JSON object (RFC 8259) is a row in error.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pyarrow as pa

from pipeline.corpus.documents import JSON
from pipeline.corpus.formats.json_files.json_text import (
    UnusableError,
    as_text,
    as_value,
    parse_line,
)
from pipeline.corpus.formats.lines import (
    Row,
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
    if not columns.names():  # who only counts rows needn't parse them
        yield from gather_rows((([], None, len(text)) for text in texts), [], settings.shard_rows)
        return
    ways: list[tuple[str, str, Callable[[Any], str | None]]] = []
    for name in columns.names():
        is_text = name in columns.text
        if name in columns.values():
            ways.append((name, name, as_value))
        if is_text:
            ways.append((name, AS_TEXT + name if name in columns.values() else name, as_text))
    parsed = (_row(text, ways) for text in texts)
    yield from gather_rows(parsed, [name for _, name, _ in ways], settings.shard_rows)


def _row(line: bytes, ways: list[tuple[str, str, Callable[[Any], str | None]]]) -> Row:
    value, error = parse_line(line)
    if value is None:
        return None, error, len(line)
    try:
        return [write(get(value, name)) for name, _, write in ways], None, len(line)
    except UnusableError as problem:
        return None, f"{JSON}: {problem}", len(line)
