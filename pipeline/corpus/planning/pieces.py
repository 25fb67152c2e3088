"""A large file is several workers': what each piece of it is, counted, and read.

How many rows such a file has is known only when it has been read. So the plan fixes the number of
its pieces, and a first step counts rows: of a plain file of lines each worker those that begin in
some stretch of its bytes; of a file that can't be entered in its middle one worker all of them, to
be shared out evenly. Then every piece knows its first row, and rows are numbered as if one worker
had read the file from its beginning.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, pairwise

from pipeline.corpus.fingerprint import check_unchanged
from pipeline.corpus.formats.compression import without_ending
from pipeline.corpus.formats.registry import FORMATS, Piecewise
from pipeline.corpus.sources import Columns, ReadSettings, Rows, Source, WorkItem
from pipeline.errors import BadFileError

# By piece of a source: how many rows were counted, and why there may be more, if so.
Counted = list[tuple[int, str | None]]


def entry(source: Source) -> Piecewise | None:
    """How a source is entered at any byte; None if its rows are only found from its beginning."""
    is_plain = without_ending(source.path) == source.path
    return FORMATS[source.format].pieces if is_plain else None


def is_counted(source: Source, item: WorkItem) -> bool:
    """Whether a piece is counted by itself; else the first one is, for the whole file."""
    return item.pieces > 1 and (item.piece == 0 or entry(source) is not None)


def count_piece(
    source: Source, item: WorkItem, settings: ReadSettings
) -> tuple[int, BadFileError | None]:
    """Counts the rows of a piece; see `is_counted`.

    Returns:
        How many, and why they can't be read to their end, if so.
    """
    rows = 0
    try:
        check_unchanged(source)
        module = entry(source)
        if module is None:
            rows, bad = count_rows(source, settings)
        else:
            begin, end = _begin(source, item), _begin(source, item, 1)
            rows, bad = module.count(source.path, begin, end, source.size)
        if bad is None:
            check_unchanged(source)
        return rows, bad
    except BadFileError as error:
        return rows, error


def count_rows(
    source: Source, settings: ReadSettings, most: int | None = None, size: int | None = None
) -> tuple[int, BadFileError | None]:
    """Counts a source's rows from its beginning.

    Args:
        source: the source.
        settings: what its format must know.
        most: rows to count, at the most.
        size: of its bytes to look at; all that the plan has seen unless given.

    Returns:
        How many, and why it can't be read so far, if so.
    """
    rows = 0
    size = source.size if size is None else size
    try:
        reader = FORMATS[source.format].reader
        for stretch in reader.read(source.path, 0, most, Columns(()), settings, size):
            rows += stretch.num_rows
    except BadFileError as error:
        return rows, error
    return rows, None


def settled(
    items: Iterable[tuple[Source, WorkItem]], counts: Callable[[], dict[int, Counted]]
) -> Iterator[tuple[Source, WorkItem]]:
    """Work items with their first row and number of rows, where a piece now knows them.

    Args:
        items: each with its source.
        counts: gives, by their numbers, those of the sources that are cut into pieces.
    """
    number, ranges = -1, list[tuple[int, int | None]]()
    for source, item in items:
        if item.pieces > 1:
            if item.source != number:
                number = item.source
                ranges = _ranges(source, item.pieces, counts()[number])
            start, rows = ranges[item.piece]
            item = dataclasses.replace(item, start=start, rows=rows)
        yield source, item


def _ranges(source: Source, pieces: int, counted: Counted) -> list[tuple[int, int | None]]:
    """First row and number of rows of each piece.

    Where counting came to damage, one piece reads all that there may be behind it, and says why it
    ends: so rows are read once, whether it is still there or was a store's that failed for a
    moment.
    """
    if entry(source) is None:
        [(total, reason)] = counted
        share = max(1, math.ceil(total / pieces))
        starts = [min(piece * share, total) for piece in range(pieces + 1)]
        ranges: list[tuple[int, int | None]] = [
            (start, end - start) for start, end in pairwise(starts)
        ]
        return [*ranges[:-1], (ranges[-1][0], None)] if reason else ranges
    starts = [0, *accumulate(rows for rows, _ in counted[:-1])]
    damaged = next((piece for piece, (_, reason) in enumerate(counted) if reason), pieces)
    return [
        (start, rows if piece < damaged else None if piece == damaged else 0)
        for piece, start, (rows, _) in zip(range(pieces), starts, counted, strict=True)
    ]


def read_part(
    source: Source, item: WorkItem, columns: Columns, settings: ReadSettings
) -> Iterator[Rows]:
    """Reads the rows of a work item, which knows its first one.

    Raises:
        BadFileError: if the source can't be read so far.
    """
    module = entry(source)
    if item.pieces > 1 and item.rows == 0:
        return iter(())  # it may lie behind damage
    if item.pieces > 1 and module is not None:
        begin = _begin(source, item)
        return module.read_from(source.path, begin, item.rows, columns, settings, source.size)
    reader = FORMATS[source.format].reader
    return reader.read(source.path, item.start, item.rows, columns, settings, source.size)


def _begin(source: Source, item: WorkItem, next: int = 0) -> int:
    """The first byte of a piece, or of the one behind it."""
    return source.size * (item.piece + next) // item.pieces
