"""ORC: typed columns, read a range of rows at a time.

A range may lie inside a stripe: the rows before it are decoded and dropped, as in Parquet. ORC has
no checksums, and over bytes that were changed within a stripe its library may end the process; then
the run ends, saying that a worker died.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyarrow import orc

from pipeline import storage
from pipeline.corpus.formats.damage import damage_named
from pipeline.corpus.nested import pick
from pipeline.corpus.sources import Columns, Facts, ReadSettings, Rows
from pipeline.errors import BadFileError

# Field numbers in https://orc.apache.org/specification/ORCv1/
_FOOTER, _STRIPES, _NUMBER_OF_ROWS = 2, 3, 5


def inspect(path: str, settings: ReadSettings) -> Facts:
    """Reads the footer.

    Raises:
        BadFileError: if there is no readable footer.
    """
    with damage_named(path), storage.open_input(path) as stream:
        file = orc.ORCFile(stream)
        return Facts(file.schema, file.nrows)


def read(
    path: str,
    start: int,
    rows: int | None,
    columns: Columns,
    settings: ReadSettings,
    file_size: int | None = None,
) -> Iterator[Rows]:
    """Reads `rows` rows from row `start` on, in the file's order.

    Raises:
        BadFileError: if the file can't be read so far.
    """
    assert rows is not None  # a footer always tells
    names = columns.names()
    position, end = 0, start + rows
    with damage_named(path), storage.open_input(path) as stream:
        file = orc.ORCFile(stream)
        for number, count in enumerate(stripe_rows(file.reader.serialized_file_tail())):
            first, position = position, position + count
            if position > start and first < end:
                table = pa.table(file.read_stripe(number, columns=names))
                skipped = max(0, start - first)
                wanted = min(position, end) - first - skipped
                yield Rows(pick(table.slice(skipped, wanted), names))
    if position < end:
        raise BadFileError(path, f"it has {position} rows now and had {end} or more when planned")


def stripe_rows(tail: bytes) -> list[int]:
    """How many rows each stripe has, from the file's tail, of which pyarrow doesn't tell."""
    footer = next(value for number, value in _fields(tail) if number == _FOOTER)
    stripes = [value for number, value in _fields(footer) if number == _STRIPES]
    return [
        next((value for number, value in _fields(stripe) if number == _NUMBER_OF_ROWS), 0)
        for stripe in stripes
    ]


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of the fields of a Protocol Buffers message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        else:
            size = {1: 8, 5: 4}[kind]
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return value, at
