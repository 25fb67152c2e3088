"""JSON files (`.json`): one array of objects, objects one after the other, or JSON lines.

An array, and objects that are spread over lines, are cut into their elements without parsing
them, so that a file of any size is read in little memory and an element that is broken in itself
costs one row. Nothing between two commas is no row, as a blank line is none.
"""

import io
import re
from collections.abc import Iterator

from pipeline.corpus.formats.compression import before, read_some
from pipeline.corpus.formats.json_files.jsonl import look_at, rows_of
from pipeline.corpus.formats.lines import (
    BYTE_ORDER_MARK,
    LINE_BYTES,
    lines_of,
    open_text,
    part_of,
)
from pipeline.corpus.sources import Columns, Facts, ReadSettings, Rows
from pipeline.errors import BadFileError

READ_BYTES = 1 << 20
SPACE = b" \t\r\n"
# A string as a whole, where it ends in what has been read so far, or what changes the depth.
_MARK = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\],]', re.DOTALL)


def inspect(path: str, settings: ReadSettings) -> Facts:
    """Finds the keys of the first objects; they can't be counted without reading them all.

    Raises:
        BadFileError: if none of it can be read.
    """
    return look_at(read_values(path))


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
    yield from rows_of(part_of(read_values(path, file_size), start, rows), columns, settings)


def read_values(path: str, size: int | None = None) -> Iterator[bytes]:
    """Cuts a file into its JSON values, each in its own bytes.

    Raises:
        BadFileError: if it can't be read to its end, or an array ends too early or too late. All
            values before have been yielded.
    """
    with open_text(path, size) as text:
        head = read_some(text, READ_BYTES).removeprefix(BYTE_ORDER_MARK).lstrip(SPACE)
        if head.startswith(b"["):
            yield from _elements(path, head[1:], text, is_array=True)
        elif head.split(b"\n", 1)[0].strip(SPACE) == b"{":
            yield from _elements(path, head, text, is_array=False)
        else:
            lines = lines_of(path, before(head, text))
            yield from (line for line in lines if line.strip(SPACE))


def _elements(path: str, buffer: bytes, text: io.BufferedReader, is_array: bool) -> Iterator[bytes]:
    """Cuts out the elements of an array, or objects between which there is space or a comma.

    Args:
        path: of the file.
        buffer: what has been read of it, without an array's first bracket.
        text: the rest.
        is_array: whether it is an array, whose end must be seen.
    """
    start = at = depth = 0  # of the element; of what is looked at next; brackets that are open
    while True:
        mark = _MARK.search(buffer, at)
        if mark is None or mark[0] == b'"':  # nothing more, or a string that isn't whole yet
            at = len(buffer) if mark is None else mark.start()
            buffer, at, start = buffer[start:], at - start, 0
            if len(buffer) >= LINE_BYTES:
                raise BadFileError(path, f"it has an element of more than {LINE_BYTES >> 20} MB")
            more = read_some(text, max(READ_BYTES, len(buffer)))
            if not more:
                break
            buffer += more
            continue
        sign, at = mark[0][:1], mark.end()
        depth += (sign in b"{[") - (sign in b"}]")
        closes_object = sign == b"}" and depth == 0
        if depth < 0 or (depth == 0 and sign == b",") or (closes_object and not is_array):
            element = buffer[start : at if closes_object else mark.start()].strip(SPACE)
            if element:
                yield element
            start = at
        if depth < 0:
            if not is_array or sign != b"]":
                raise BadFileError(path, f"it has a {sign.decode()} too many")
            if buffer[at:].strip(SPACE) or read_some(text, READ_BYTES).strip(SPACE):
                raise BadFileError(path, "something follows the end of its array")
            return
    rest = buffer.strip(SPACE)
    if depth == 0 and rest.endswith(b"}"):
        yield rest
    if is_array:
        raise BadFileError(path, "its array has no end")
    if depth:
        raise BadFileError(path, "its last object has no end")
