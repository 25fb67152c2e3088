"""How the work is cut: small enough to share out evenly, large enough to be worth an item."""

import math
from itertools import pairwise

from pipeline.corpus.formats.compression import ending_of
from pipeline.corpus.formats.registry import FORMATS
from pipeline.corpus.planning.pieces import count_rows, entry
from pipeline.corpus.sources import Facts, ReadSettings, Source, WorkItem
from pipeline.errors import UsageError

TABLES_PER_ITEM = 8  # a Parquet item is small enough to share out, large enough to be worth it
ITEM_SECONDS = 600.0  # and no longer to score than this, or the last worker runs alone for hours
FEWEST_ROWS = 1024
# A worker that enters a range of rows in its middle decodes what is before it: on average half of
# the range. That may take a twentieth of what it then takes to score the item.
DECODE_SECONDS = 1e-6  # a row
DECODED_AGAIN = 1 / 20
# So it is with files that are read from their beginning to find a row: all bytes before it are
# decompressed and cut into rows. What a byte takes a core, by how they are compressed; measured:
PASSED_BYTE_SECONDS = {None: 4e-9, ".gz": 13e-9, ".bz2": 400e-9, ".xz": 45e-9, ".zst": 7e-9}
LARGE_BYTES = 8 << 20  # a smaller file is one item
HEAD_BYTES = 1 << 20  # by which the rows of a large one are estimated

Range = tuple[int, int | None]


def cut(
    sources: list[Source],
    facts: list[Facts],
    reading: ReadSettings,
    limit: int | None,
    on_bad_file: str,
    row_seconds: float,
) -> list[WorkItem]:
    """Cuts inputs into work items.

    Args:
        sources: the inputs.
        facts: what is known of each.
        reading: what the formats must know.
        limit: take only so many rows.
        on_bad_file: `fail` or `skip`.
        row_seconds: about how long a row takes to score; 0 if that isn't known.

    Raises:
        UsageError: for an input that can't be read up to the limit.
    """
    items: list[WorkItem] = []
    left = limit
    for number, (source, fact) in enumerate(zip(sources, facts, strict=True)):
        rows = fact.rows
        if left is not None:
            count, bad = (rows, None) if rows is not None else count_rows(source, reading, left)
            if bad is not None and on_bad_file == "fail":
                raise UsageError(str(bad)) from bad
            rows = min(left, count) if bad is None else None  # read on, to report why it ends
            left -= min(left, count)
        pieces = 1
        if fact.rows is not None:
            parts = ranges_of(rows or 0, fact.shards, reading.shard_rows, row_seconds)
        elif rows is not None:
            parts = _shares(rows, _workers(source, reading, row_seconds, rows))
        else:
            pieces = _pieces(source, reading, row_seconds) if left is None else 1
            parts = [(0, None)] * pieces
        for piece, (start, length) in enumerate(parts):
            place = (piece, pieces) if pieces > 1 else (0, 1)
            items.append(WorkItem(len(items), number, start, length, *place))
        if left == 0:
            break
    return items


def ranges_of(
    rows: int, shards: list[int] | None, shard_rows: int, row_seconds: float
) -> list[Range]:
    """Start and length of the parts of one source; an empty source is one part of no rows.

    Args:
        rows: that are wanted of it.
        shards: rows of each part that is best read by itself; None for the whole.
        shard_rows: of a Table.
        row_seconds: about how long a row takes to score; 0 if that isn't known.
    """
    found: list[Range] = []
    start = 0
    for length in shards or [rows]:
        most = _item_rows(length, shard_rows, row_seconds)
        end = min(start + length, rows)
        while start < end:
            step = min(most, end - start)
            found.append((start, step))
            start += step
    return found or [(0, 0)]


def _item_rows(length: int, shard_rows: int, row_seconds: float) -> int:
    """The rows of an item in a range of rows that can't be entered in its middle for nothing."""
    most = shard_rows * TABLES_PER_ITEM
    if row_seconds == 0:
        return most
    in_time = max(FEWEST_ROWS, int(ITEM_SECONDS / row_seconds))
    if in_time > shard_rows:
        in_time -= in_time % shard_rows  # whole Tables
    worth_it = math.ceil(length / 2 * DECODE_SECONDS / (row_seconds * DECODED_AGAIN))
    return max(min(most, in_time), worth_it)


def _shares(rows: int, workers: int) -> list[Range]:
    """Even shares of a known number of rows."""
    starts = [rows * worker // workers for worker in range(workers + 1)]
    return [(start, end - start) for start, end in pairwise(starts)]


def _pieces(source: Source, reading: ReadSettings, row_seconds: float) -> int:
    """Into how many pieces a file is cut whose rows aren't known."""
    if not _is_large(source, row_seconds) or entry(source) is None:
        return _workers(source, reading, row_seconds)
    rows = _expected(source, reading)
    return max(1, math.ceil(rows / _item_rows(0, reading.shard_rows, row_seconds)))


def _expected(source: Source, reading: ReadSettings) -> int:
    """How many rows a file has, by its beginning."""
    head = min(HEAD_BYTES, source.size)
    seen, _ = count_rows(source, reading, size=head)  # that ends in its middle, and is bad
    return seen * source.size // head


def _workers(
    source: Source, reading: ReadSettings, row_seconds: float, rows: int | None = None
) -> int:
    """How many may read `rows` rows of a file, or all, from its beginning to their own part.

    To count the rows takes one pass, and those before a part half a pass on average. So N workers
    take (N + 1) / 2 passes beyond the one that all is read by.
    """
    passed_row_seconds = FORMATS[source.format].passed_row_seconds
    if passed_row_seconds is None or not _is_large(source, row_seconds):
        return 1
    expected = _expected(source, reading)
    row_bytes = source.size / max(1, expected)
    passed = passed_row_seconds + row_bytes * PASSED_BYTE_SECONDS[ending_of(source.path)]
    worth_it = int(2 * row_seconds * DECODED_AGAIN / passed) - 1
    wanted = math.ceil(
        (expected if rows is None else rows) / _item_rows(0, reading.shard_rows, row_seconds)
    )
    return max(1, min(wanted, worth_it))


def _is_large(source: Source, row_seconds: float) -> bool:
    is_shared = FORMATS[source.format].passed_row_seconds is not None
    return is_shared and source.size >= LARGE_BYTES and row_seconds > 0
