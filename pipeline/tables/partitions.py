"""Rows shared out over files by the columns that a table is partitioned by.

A file holds rows of one partition, so a run gives at least one for each that it has rows of, and
those files may be small: hence a bound on how many there are.
"""

import datetime
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import durable, storage
from pipeline.errors import NewsbeamError, UsageError
from pipeline.tables.placing import below, make_attempt
from pipeline.tables.rows import COMPRESSION, SOURCE, Partition, plain_field

DAY = "_day"  # behind a timestamp's name: the column of a Delta table that holds its day
MOST_PARTITIONS = 500  # that one run may have rows of: each is a file, and all are open at a time
BUFFER_BYTES = 256 << 20


class PartitionColumn(NamedTuple):
    """One of the columns that a table is partitioned by.

    Attributes:
        column: of the rows.
        by_day: whether by the day of that column, which holds timestamps.
    """

    column: str
    by_day: bool = False

    @classmethod
    def of(cls, text: str) -> "PartitionColumn":
        """Takes apart how it is written: `column`, or `day(column)`."""
        is_day = text.startswith("day(") and text.endswith(")")
        return cls(text[4:-1], True) if is_day else cls(text)

    @property
    def name(self) -> str:
        """The name of the partition itself."""
        return self.column + DAY if self.by_day else self.column

    def __str__(self) -> str:
        return f"day({self.column})" if self.by_day else self.column

    def values(self, table: pa.Table) -> pa.ChunkedArray:
        """Its value in each row; nulls where rows don't have it, from before it was carried."""
        if self.column not in table.column_names:
            return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
        values = table[self.column]
        if self.by_day:
            return values.cast(pa.timestamp("us", values.type.tz)).cast(pa.date32())
        return values


def check_partitions(by: Sequence[PartitionColumn], schema: pa.Schema, carried: set[str]) -> None:
    """Refuses columns that no table can be partitioned by.

    Args:
        by: the columns.
        schema: of the rows.
        carried: the columns that are carried.

    Raises:
        UsageError: for the first of them.
    """
    for one in by:
        if one.column not in carried:
            raise UsageError(f"--partition_by {one}: there is no carried column {one.column}")
        kind = plain_field(schema.field(one.column)).type
        if one.by_day and not pa.types.is_timestamp(kind):
            raise UsageError(f"--partition_by {one}: column {one.column} holds no times but {kind}")
        fits = (pa.types.is_string, pa.types.is_integer, pa.types.is_date32, pa.types.is_boolean)
        if not one.by_day and not any(test(kind) for test in fits):
            raise UsageError(
                f"--partition_by {one}: {kind} is nothing to partition by"
                + (f"; day({one}) is" if pa.types.is_timestamp(kind) else "")
            )


def count_partitions(paths: Iterable[str], by: Sequence[PartitionColumn]) -> int:
    """How many partitions the rows of some files have.

    Raises:
        NewsbeamError: if there are more than one run may have.
    """
    found: set[Partition] = set()
    for path in paths:
        with storage.open_input(path) as stream:
            parquet = pq.ParquetFile(stream)
            for number in range(parquet.num_row_groups):
                names = {one.column for one in by} & set(parquet.schema_arrow.names)
                table = parquet.read_row_group(number, [*sorted(names), SOURCE])
                found |= {partition for partition, _ in _shares(table, by)}
        _check_count(len(found), by)
    return len(found)


def _check_count(count: int, by: Sequence[PartitionColumn]) -> None:
    if count > MOST_PARTITIONS:
        raise NewsbeamError(
            f"--partition_by {','.join(map(str, by))} would make more than {MOST_PARTITIONS} small "
            f"files of one run; choose columns of fewer values. The finished work is kept"
        )


def split(
    paths: Sequence[str],
    by: Sequence[PartitionColumn],
    root: str,
    attempt: str,
    left_out: set[str],
) -> list[tuple[str, Partition]]:
    """Writes the rows of some files anew, one file for each partition.

    Args:
        paths: of the files.
        by: the columns.
        root: of the table.
        attempt: of whom the files are.
        left_out: columns that are not written, since the table has their values elsewhere.

    Returns:
        Of each file its path, from the root on, and its partition.
    """
    make_attempt(root, attempt)
    waiting: dict[Partition, list[pa.Table]] = {}
    writers: dict[Partition, tuple[str, pq.ParquetWriter]] = {}
    size = 0
    with ExitStack() as stack:

        def write() -> None:
            for partition, tables in waiting.items():
                table = pa.concat_tables(tables)
                if partition not in writers:
                    _check_count(len(writers) + 1, by)
                    path = below(attempt, f"split-{uuid.uuid4().hex}.parquet")
                    target = durable.writing(storage.join(root, path), make_folder=False)
                    stream: IO[bytes] = stack.enter_context(target)
                    writer = pq.ParquetWriter(
                        stream, table.schema, compression=COMPRESSION, store_schema=False
                    )
                    writers[partition] = path, stack.enter_context(writer)
                writers[partition][1].write_table(table)
            waiting.clear()

        for path in paths:
            for table in _row_groups(path):
                for partition, share in _shares(table, by):
                    share = share.drop_columns([n for n in share.column_names if n in left_out])
                    waiting.setdefault(partition, []).append(share)
                size += table.nbytes
                if size > BUFFER_BYTES:
                    write()
                    size = 0
        write()
    return [(path, partition) for partition, (path, _) in writers.items()]


def _row_groups(path: str) -> Iterator[pa.Table]:
    with storage.open_input(path) as stream:
        parquet = pq.ParquetFile(stream)
        plain = pa.schema([plain_field(field) for field in parquet.schema_arrow])
        for number in range(parquet.num_row_groups):
            yield parquet.read_row_group(number).cast(plain)


def _shares(table: pa.Table, by: Sequence[PartitionColumn]) -> Iterator[tuple[Partition, pa.Table]]:
    """The rows of each partition, in their order."""
    columns = [one.values(table).combine_chunks() for one in by]
    codes = np.zeros(table.num_rows, np.int64)
    for column in columns:
        plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        coded = pc.dictionary_encode(plain, null_encoding="encode")
        codes = codes * (len(coded.dictionary) + 1) + coded.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    edges = [0, *(np.flatnonzero(np.diff(codes[order])) + 1), table.num_rows]
    for start, end in pairwise(edges):
        if end > start:
            first = int(order[start])
            names = zip(by, columns, strict=True)
            values = tuple((one.name, as_text(column[first].as_py())) for one, column in names)
            yield values, table.take(pa.array(order[start:end]))


def as_text(value: Any) -> str | None:
    """A partition's value, as Delta Lake writes it."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime.date) else str(value)
