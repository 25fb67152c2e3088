"""JSON lines entered in the middle: a line belongs to the stretch of bytes in which it begins.

So whoever reads stretches that lie side by side gets every line once, wherever they are cut: in a
line, in a character, in a line end, or many times in one long line.
"""

from collections.abc import Iterator
from itertools import islice

from pipeline.corpus.formats.json_files.jsonl import not_blank, rows_of
from pipeline.corpus.formats.lines import BYTE_ORDER_MARK, open_text, whole_lines
from pipeline.corpus.sources import Columns, ReadSettings, Rows
from pipeline.errors import BadFileError

PASSED_BYTES = 1 << 20  # of a line that began before, at a time


def count(path: str, begin: int, end: int, size: int) -> tuple[int, BadFileError | None]:
    """Counts the rows that begin in the bytes from `begin` to before `end`.

    Args:
        path: a plain file.
        begin: the first byte.
        end: the byte behind the last one.
        size: of the file when the run was planned.

    Returns:
        How many, and why they can't be read to their end, if so.
    """
    rows = 0
    try:
        for _ in not_blank(lines_within(path, begin, end, size)):
            rows += 1
    except BadFileError as error:
        return rows, error
    return rows, None


def read_from(
    path: str,
    begin: int,
    rows: int | None,
    columns: Columns,
    settings: ReadSettings,
    size: int,
) -> Iterator[Rows]:
    """Reads `rows` rows, or all, of those that begin at byte `begin` or behind it.

    Raises:
        BadFileError: if the file can't be read so far.
    """
    lines = not_blank(lines_within(path, begin, size, size))
    yield from rows_of(islice(lines, rows), columns, settings)


def lines_within(path: str, begin: int, end: int, size: int) -> Iterator[bytes]:
    """The lines that begin in the bytes from `begin` to before `end`, without a byte order mark.

    Raises:
        BadFileError: as `read_lines` does.
    """
    before = max(0, begin - 1)  # the byte that says whether a line begins at `begin`
    with open_text(path, size, before) as text:
        at = before
        while begin > 0 and at < end:
            part = text.readline(PASSED_BYTES)
            at += len(part)
            if part.endswith(b"\n") or not part:
                break
        if at >= end:
            return
        for line in whole_lines(path, text):
            yield line.removeprefix(BYTE_ORDER_MARK) if at == 0 else line
            at += len(line)
            if at >= end:
                return
