"""From inputs to a plan: what is in them, and how the work is cut."""

import dataclasses
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pipeline import objects, storage
from pipeline.corpus.columns.choice import choose_columns
from pipeline.corpus.columns.teachers import check_teachers, teachers_labels
from pipeline.corpus.columns.types import unite
from pipeline.corpus.documents import Columns, Facts, ReadSettings, Source, WorkItem
from pipeline.corpus.fingerprint import Fingerprints, Seen, fingerprint_input
from pipeline.corpus.formats.registry import FORMATS
from pipeline.corpus.plan import Plan, is_cascade
from pipeline.errors import BadFileError, UsageError

LOOKERS = objects.CONNECTIONS  # inputs in a store that are looked into at a time
LOCAL_LOOKERS = 4
TABLES_PER_ITEM = 8  # a Parquet item is small enough to share out, large enough to be worth it
ITEM_SECONDS = 600.0  # and no longer to score than this, or the last worker runs alone for hours
FEWEST_ROWS = 1024
# A worker that enters a range of rows in its middle decodes what is before it: on average half of
# the range. That may take a twentieth of what it then takes to score the item.
DECODE_SECONDS = 1e-6  # a row
DECODED_AGAIN = 1 / 20


def make_plan(
    inputs: list[tuple[str, str]],
    text_columns: list[str],
    settings: dict[str, Any],
    *,
    id_column: str | None = None,
    carry_columns: list[str] | None = None,
    gold_column: str | None = None,
    probabilities_column: str | None = None,
    reading: ReadSettings,
    limit: int | None = None,
    on_bad_file: str = "fail",
    fingerprints: Fingerprints | None = None,
    row_seconds: float = 0.0,
) -> Plan:
    """Looks into every input and cuts the work.

    Args:
        inputs: pairs of path and format, from `find_inputs`.
        text_columns: the columns that are joined and labelled.
        settings: what else decides the result (bundle digest, engine, ...), as JSON values.
        id_column: the column that names a row.
        carry_columns: columns to copy, each `name` or `name:new_name`, or `all`.
        gold_column: the column with the true label.
        probabilities_column: the column with a teacher's probabilities, in the inputs that have it.
        reading: what the formats must know.
        limit: take only so many rows.
        on_bad_file: `fail` or `skip`.
        fingerprints: where they are remembered, if not in the usual place.
        row_seconds: about how long a row takes to score; 0 if that isn't known.

    Raises:
        UsageError: for a missing column, clashing inputs, or an input that can't be read.
    """
    sources: list[Source] = []
    facts: list[Facts] = []
    skipped: list[tuple[str, str]] = []
    with fingerprints or Fingerprints() as known:
        for (path, kind), looked in _look_into(inputs, reading, known):
            bad = looked if isinstance(looked, Exception) else looked[1].bad
            if bad is not None and on_bad_file == "fail":
                raise UsageError(f"cannot read {_shown(path)}: {_reason(bad)}") from bad
            if isinstance(looked, Exception):
                skipped.append((_shown(path), _reason(looked)))
                continue
            seen, fact = looked
            sources.append(Source(path, kind, seen.size, fact.rows, seen.digest, seen.modified_ns))
            facts.append(fact)
    looked_at = [(source.path, fact) for source, fact in zip(sources, facts, strict=True)]
    columns = choose_columns(
        looked_at,
        text_columns,
        id_column,
        carry_columns or [],
        gold_column,
        is_cascade(settings),
        probabilities_column,
    )
    labels = [
        (path, teachers_labels(path, one.schema, probabilities_column)) for path, one in looked_at
    ]
    check_teachers(labels)
    sources = [
        dataclasses.replace(source, labels=names)
        for source, (_, names) in zip(sources, labels, strict=True)
    ]
    items = _cut(sources, facts, reading, limit, on_bad_file, row_seconds)
    return Plan(
        settings={**settings, "limit": limit},
        columns=columns,
        schema=unite(looked_at, columns),
        reading=reading,
        sources=sources,
        items=items,
        skipped=skipped,
    )


def _look_into(
    inputs: list[tuple[str, str]], reading: ReadSettings, fingerprints: Fingerprints
) -> Iterator[tuple[tuple[str, str], tuple[Seen, Facts] | BadFileError | OSError]]:
    """Fingerprints and inspects inputs, in their order; what can't be read comes with its error.

    Many at a time, since in a store nearly all of it is waiting for answers: three requests of
    some 50 ms for each file, which for 20,000 files are 50 minutes one after the other.
    """

    def look(one: tuple[str, str]) -> tuple[Seen, Facts] | BadFileError | OSError:
        try:
            if _shown(one[0]) != one[0]:
                raise BadFileError(_shown(one[0]), "its name is not UTF-8; rename it")
            seen = fingerprint_input(*one, reading, fingerprints)
            return seen, FORMATS[one[1]].reader.inspect(one[0], reading)
        except (BadFileError, OSError) as error:
            return error

    remote = any(not storage.is_local(path) for path, _ in inputs)
    pool = ThreadPoolExecutor(LOOKERS if remote else LOCAL_LOOKERS)
    try:
        yield from zip(inputs, pool.map(look, inputs), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)  # after a bad file nobody wants the rest


def _shown(path: str) -> str:
    """A path as text: bytes in it that are no UTF-8, which Python passes on, as escapes."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _reason(error: BadFileError | OSError) -> str:
    if isinstance(error, BadFileError):
        return error.reason
    return error.strerror or str(error)


def _cut(
    sources: list[Source],
    facts: list[Facts],
    reading: ReadSettings,
    limit: int | None,
    on_bad_file: str,
    row_seconds: float,
) -> list[WorkItem]:
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
            ranges = _ranges(rows or 0, fact.shards, reading.shard_rows, row_seconds)
        for start, length in ranges:
            items.append(WorkItem(len(items), number, start, length))
        if left == 0:
            break
    return items


def _ranges(
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
