"""Lines of text files, plain or gzip-compressed; what CSV and JSONL have in common."""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import Any

from pipeline import storage
from pipeline.errors import BadFileError

BUFFER_BYTES = 1 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
TABLE_BYTES = 32 << 20  # of text gathered before rows are handed on, however few they are


def read_lines(path: str) -> Iterator[bytes]:
    """Reads a text file's lines with their line ends, without a leading byte order mark.

    A file whose name ends in `.gz` is decompressed on the way.

    Raises:
        BadFileError: if it can't be opened or read to its end.
    """
    try:
        with storage.open_input(path) as raw:
            stream: Any = gzip.GzipFile(fileobj=raw) if path.lower().endswith(".gz") else raw
            lines = iter(io.BufferedReader(stream, BUFFER_BYTES))
            yield next(lines, b"").removeprefix(BYTE_ORDER_MARK)
            yield from lines
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise BadFileError(path, reason.removesuffix(".")) from error


def bad_bytes(content: bytes) -> str:
    """Says where `content` stops being UTF-8, as the detail of an error."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return f"byte 0x{content[error.start]:02x} at offset {error.start} is not UTF-8"
    raise ValueError("the bytes are UTF-8")
