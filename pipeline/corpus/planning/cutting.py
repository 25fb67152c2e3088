"""How the work is cut: the ranges of each input that a worker reads in one go."""

import math

from pipeline.corpus.formats.registry import FORMATS
from pipeline.corpus.sources import Columns, Facts, ReadSettings, Source, WorkItem
from pipeline.errors import BadFileError, UsageError

TABLES_PER_ITEM = 8  # a Parquet item is small enough to share out, large enough to be worth it
ITEM_SECONDS = 600.0  # and no longer to score than this, or the last worker runs alone for hours
FEWEST_ROWS = 1024
# A worker that enters a range of rows in its middle decodes what is before it: on average half of
# the range. That may take a twentieth of what it then takes to score the item.
DECODE_SECONDS = 1e-6  # a row
DECODED_AGAIN = 1 / 20


def cut(
    sources: list[Source],
    facts: list[Facts],
    reading: ReadSettings,
    limit: int | None,
    on_bad_file: str,
    row_seconds: float,
) -> list[WorkItem]:
    """Cuts the inputs into work items, up to a limit of rows over all of them.

    Args:
        sources: the inputs.
        facts: what is in each.
        reading: what the formats must know.
        limit: take only so many rows.
        on_bad_file: `fail` or `skip`.
        row_seconds: about how long a row takes to score; 0 if that isn't known.

    Raises:
        UsageError: if rows must be counted for the limit, and an input can't be read.
    """
    items: list[WorkItem] = []
    left = limit
    for number, (source, fact) in enumerate(zip(sources, facts, strict=True)):
        rows = fact.rows
        if left is not None:
            count, bad = (rows, None) if rows is not None else _count(source, reading, left)
            if bad is not None and on_bad_file == "fail":
                raise UsageError(str(bad)) from bad
            rows = min(left, count) if bad is None else None  # read on, to report why it ends
            left -= min(left, count)
        if fact.rows is None:
            ranges = [(0, rows)]  # a text file can't be entered in its middle
        else:
            ranges = ranges_of(rows or 0, fact.shards, reading.shard_rows, row_seconds)
        for start, length in ranges:
            items.append(WorkItem(len(items), number, start, length))
        if left == 0:
            break
    return items


def ranges_of(
    rows: int, shards: list[int] | None, shard_rows: int, row_seconds: float
) -> list[tuple[int, int | None]]:
    """Start and length of the parts of one source; an empty source is one part of no rows."""
    ranges: list[tuple[int, int | None]] = []
    start = 0
    for length in shards or [rows]:
        most = _item_rows(length, shard_rows, row_seconds)
        end = min(start + length, rows)
        while start < end:
            step = min(most, end - start)
            ranges.append((start, step))
            start += step
    return ranges or [(0, 0)]


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


def _count(source: Source, reading: ReadSettings, most: int) -> tuple[int, BadFileError | None]:
    """Counts the rows of a text file, up to `most`; and says why it can't be read so far, if so."""
    reader = FORMATS[source.format].reader
    count = 0
    try:
        for stretch in reader.read(source.path, 0, most, Columns(()), reading, source.size):
            count += stretch.num_rows
    except BadFileError as error:
        return count, error
    return count, None
