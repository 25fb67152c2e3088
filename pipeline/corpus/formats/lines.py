"""Text files, plain or compressed, and rows of them: what CSV and JSON have in common."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from typing import IO, Any, TypeVar

import pyarrow as pa

from pipeline import storage
from pipeline.corpus.formats.compression import DECODING_ERRORS, open_plain
from pipeline.corpus.sources import Rows
from pipeline.errors import BadFileError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LINE_BYTES = 256 << 20  # no text is so long; a file without line ends must not fill the memory
TABLE_BYTES = 32 << 20  # of text gathered before rows are handed on, however few they are


@contextmanager
def open_text(path: str, size: int | None = None, start: int = 0) -> Iterator[io.BufferedReader]:
    """Opens a text file, decompressed if its name says so.

    Args:
        path: the file.
        size: read only so many of its bytes: what was there when the run was planned, of a file
            that something still writes to.
        start: the first byte to read, of a plain file.

    Raises:
        BadFileError: if it can't be opened, or in the block can't be read to its end.
    """
    try:
        with storage.open_input(path) as raw:
            if start:
                raw.seek(start)
            stream: Any = raw if size is None else Head(raw, size - start)
            yield open_plain(path, stream)
    except (OSError, *DECODING_ERRORS) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise BadFileError(path, reason.removesuffix(".")) from error


def read_lines(path: str, size: int | None = None) -> Iterator[bytes]:
    """Reads a text file's lines with their line ends, without a leading byte order mark.

    Args:
        path: the file.
        size: as `open_text` takes it.

    Raises:
        BadFileError: if it can't be opened or read to its end, or has a line without end. All
            lines before have been yielded.
    """
    with open_text(path, size) as text:
        yield from lines_of(path, text)


def lines_of(path: str, text: io.BufferedReader) -> Iterator[bytes]:
    """The lines of a text that is open: see `read_lines`."""
    lines = whole_lines(path, text)
    yield from chain([next(lines, b"").removeprefix(BYTE_ORDER_MARK)], lines)


def whole_lines(path: str, text: io.BufferedReader) -> Iterator[bytes]:
    """The lines of a text from where it is on, byte for byte: see `read_lines`."""
    for line in iter(partial(text.readline, LINE_BYTES), b""):
        if len(line) >= LINE_BYTES:
            raise BadFileError(path, f"it has a line of more than {LINE_BYTES >> 20} MB")
        yield line


class Head:
    """The first bytes of a stream."""

    def __init__(self, stream: IO[bytes], size: int):
        self._stream = stream
        self._left = size

    def tell(self) -> int:
        """Where the stream is."""
        return self._stream.tell()

    def read(self, size: int = -1) -> bytes:
        """Reads on, as streams do."""
        content = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(content)
        return content


def bad_bytes(content: bytes) -> str:
    """Says where `content` stops being UTF-8, as the detail of an error."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return f"byte 0x{content[error.start]:02x} at offset {error.start} is not UTF-8"
    raise ValueError("the bytes are UTF-8")


One = TypeVar("One")


def part_of(rows: Iterator[One], start: int, count: int | None) -> Iterator[One]:
    """`count` rows, or all, behind the first `start`."""
    return islice(rows, start, None if count is None else start + count)


# The values of a row's columns, or None and why there are none; and how large it is.
Row = tuple[Sequence[str | None] | None, str | None, int]


def gather_rows(rows: Iterable[Row], columns: list[str], shard_rows: int) -> Iterator[Rows]:
    """Gathers parsed rows into stretches of `shard_rows` rows, or `TABLE_BYTES` of text.

    Raises:
        BadFileError: as `rows` does, but what came before it is handed on first.
    """
    values: list[Sequence[str | None]] = []
    errors: list[str | None] = []
    size = 0
    bad: BadFileError | None = None
    remaining = iter(rows)
    while True:
        try:
            fields, error, row_size = next(remaining)
        except StopIteration:
            break
        except BadFileError as problem:
            bad = problem
            break
        values.append([None] * len(columns) if fields is None else fields)
        errors.append(error)
        size += row_size
        if len(errors) >= shard_rows or size >= TABLE_BYTES:
            yield _as_rows(values, errors, columns)
            values, errors, size = [], [], 0
    if errors:
        yield _as_rows(values, errors, columns)
    if bad is not None:
        raise bad


def _as_rows(
    values: list[Sequence[str | None]], errors: list[str | None], columns: list[str]
) -> Rows:
    """Makes string columns of rows of strings."""
    transposed = zip(*values, strict=True) if columns else []
    arrays = [pa.array(column, pa.string()) for column in transposed]
    return Rows(pa.Table.from_arrays(arrays, names=columns), pa.array(errors, pa.string()))
