"""Parquet: typed columns, read a range of rows at a time.

A range may lie inside a row group (many writers make one row group of a million rows): the rows
before it are decoded and dropped, which is cheap beside scoring.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import storage
from pipeline.corpus.formats.damage import damage_named
from pipeline.corpus.nested import pick
from pipeline.corpus.sources import Columns, Facts, ReadSettings, Rows
from pipeline.errors import BadFileError

BATCH_BYTES = 32 << 20  # decoded at a time: rows of a megabyte must not add up to gigabytes


def inspect(path: str, settings: ReadSettings) -> Facts:
    """Reads the footer.

    Raises:
        BadFileError: if there is no readable footer.
    """
    with damage_named(path), storage.open_input(path) as stream:
        file = pq.ParquetFile(stream)
        return Facts(file.schema_arrow, file.metadata.num_rows)


def read(
    path: str,
    start: int,
    rows: int | None,
    columns: Columns,
    settings: ReadSettings,
    file_size: int | None = None,
) -> Iterator[Rows]:
    """Reads `rows` rows from row `start` on, in the file's order.

    Raises:
        BadFileError: if the file can't be read so far.
    """
    assert rows is not None  # a footer always has them
    position, end = 0, start + rows
    with damage_named(path), storage.open_input(path) as stream:
        names = columns.names()
        file = pq.ParquetFile(
            stream, pre_buffer=not storage.is_local(path), page_checksum_verification=True
        )
        for group in range(file.metadata.num_row_groups):
            facts = file.metadata.row_group(group)
            if position + facts.num_rows <= start or position >= end:
                position += facts.num_rows
                continue
            row_bytes = max(1.0, facts.total_byte_size / max(facts.num_rows, 1))
            size = max(1, int(min(settings.shard_rows, BATCH_BYTES / row_bytes)))
            for batch in file.iter_batches(size, row_groups=[group], columns=names):
                first, position = position, position + batch.num_rows
                skipped = max(0, start - first)
                wanted = min(position, end) - first - skipped
                if wanted > 0:
                    yield Rows(pick(pa.table(batch).slice(skipped, wanted), names))
                if position >= end:
                    return
    if position < end:
        raise BadFileError(path, f"it has {position} rows now and had {end} or more when planned")
