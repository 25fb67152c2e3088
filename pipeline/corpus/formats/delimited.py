"""CSV (RFC 4180): comma-separated, quoted where needed.

The first record names the columns, unless `--csv_columns` does. Blank lines are no rows. A row
with too few or too many fields is a row in error; so is the first line of a quote that is still
open after a megabyte or at the end of the file, and reading goes on with the line after it, so
that one stray quote doesn't swallow the rest of the corpus.
"""

import csv
import sys
from collections import deque
from collections.abc import Iterator

import pyarrow as pa

from pipeline.corpus.documents import ENCODING, FIELDS, QUOTE
from pipeline.corpus.formats.lines import (
    Row,
    bad_bytes,
    gather_rows,
    part_of,
    read_lines,
)
from pipeline.corpus.sources import Columns, Facts, ReadSettings, Rows
from pipeline.errors import BadFileError, UsageError

QUOTE_BYTES = 1 << 20

csv.field_size_limit(sys.maxsize)  # a text may be longer than the module's 128 KiB


def inspect(path: str, settings: ReadSettings) -> Facts:
    """Reads the first record.

    Raises:
        BadFileError: if the file can't be read.
        UsageError: if `--csv_columns` doesn't fit the first record.
    """
    first = next(read_records(read_lines(path)), None)
    columns = list(settings.csv_columns or (first[0] if first and first[0] else ()))
    if first and first[1] is not None and not settings.csv_columns:
        raise BadFileError(path, f"its header line is broken ({first[1]})")
    if first and first[0] and len(first[0]) != len(columns):
        raise UsageError(
            f"--csv_columns names {len(columns)} columns, "
            f"but the first row of {path} has {len(first[0])}"
        )
    return Facts(pa.schema([(name, pa.string()) for name in columns]), None)


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
    records = read_records(read_lines(path, file_size))
    names = settings.csv_columns or (next(records, ([], None))[0] or ())
    if not names:
        return  # an empty file
    try:
        wanted = [list(names).index(column) for column in columns.names()]
    except ValueError as problem:
        raise BadFileError(path, "its header has changed since the run was planned") from problem
    checked = (_row(*record, len(names), wanted) for record in part_of(records, start, rows))
    yield from gather_rows(checked, columns.names(), settings.shard_rows)


def _row(fields: list[str] | None, error: str | None, expected: int, wanted: list[int]) -> Row:
    if fields is not None and len(fields) != expected:
        error = f"{FIELDS}: {len(fields)} fields where {expected} are expected"
    if fields is None or error:
        return None, error, 0
    return [fields[index] for index in wanted], None, sum(map(len, fields))


class _OpenQuoteError(Exception):
    """More than `QUOTE_BYTES` were read inside one record."""


class _Feed:
    """Hands lines to the csv module and remembers those of the record that it is at."""

    def __init__(self, lines: Iterator[bytes]):
        self._lines = lines
        self._again: deque[bytes] = deque()
        self.taken: list[bytes] = []
        self._size = 0
        self.ended = False

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        if len(self.taken) > 1 and self._size > QUOTE_BYTES:
            raise _OpenQuoteError
        line = self._again.popleft() if self._again else next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.taken.append(line)
        self._size += len(line)
        return line.decode(errors="surrogateescape")

    def next_record(self) -> None:
        """Forgets the lines of the record that was read."""
        self.taken, self._size = [], 0

    def give_back(self) -> None:
        """Takes all lines of the record but the first to be read again."""
        self._again.extendleft(reversed(self.taken[1:]))
        self.ended = False
        self.next_record()


def read_records(lines: Iterator[bytes]) -> Iterator[tuple[list[str] | None, str | None]]:
    """Reads CSV records.

    Yields:
        The fields and None, or None and the reason why the record is broken.
    """
    feed = _Feed(lines)
    reader = csv.reader(feed)
    while True:
        fields: list[str] | None = None
        error = None
        try:
            fields = next(reader, None)
        except _OpenQuoteError:
            error = f"{QUOTE}: a quote is still open after {QUOTE_BYTES >> 20} MB"
        except csv.Error as problem:
            error = f"{FIELDS}: {problem}"
        if error is None and feed.ended and feed.taken:
            error = f"{QUOTE}: a quote is still open at the end of the file"
        if fields is None and error is None:
            return
        if error and error.startswith(QUOTE):
            fields = None
            feed.give_back()
            reader = csv.reader(feed)
        elif fields == []:  # a blank line
            feed.next_record()
            continue
        elif any(not line.isascii() for line in feed.taken):
            record = b"".join(feed.taken)
            try:
                record.decode()
            except UnicodeDecodeError:
                fields, error = None, f"{ENCODING}: {bad_bytes(record)}"
        feed.next_record()
        yield fields, error
