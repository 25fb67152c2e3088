"""Parts: the published Parquet files, each made of many finished ones, in the corpus' order."""

import json
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import storage
from pipeline.corpus.documents import METADATA_KEY
from pipeline.corpus.plan import Plan
from pipeline.layout import part_name
from pipeline.output.checkpoints import COMPRESSION

PART_BYTES = 128 << 20  # a useful size: few enough files, small enough to share out
ROW_GROUP_ROWS = 1 << 17
ROW_GROUP_BYTES = 64 << 20  # of Arrow data gathered before a row group is written


class Part(NamedTuple):
    """A published file.

    Attributes:
        name: `part-00000-of-00012.parquet`.
        files: the finished files in it, in the corpus' order.
    """

    name: str
    files: list[str]


def plan_parts(files: list[storage.FileInfo]) -> list[Part]:
    """Shares finished files out over parts of a useful size, in the corpus' order."""
    groups: list[list[str]] = [[]]
    size = 0
    for file in files:
        if groups[-1] and size + file.size > PART_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(file.name)
        size += file.size
    total = len(groups)
    return [Part(part_name(number, total), names) for number, names in enumerate(groups)]


def pack(part: Part, plan: Plan, work: str, path: str) -> None:
    """Writes one part from its finished files."""
    schema = plan.output_schema()
    about = {**plan.origin(), "plan": plan.digest}
    schema = schema.with_metadata({METADATA_KEY: json.dumps(about)})
    with (
        storage.writing(path) as stream,
        pq.ParquetWriter(stream, schema, compression=COMPRESSION) as writer,
    ):
        pending: list[pa.Table] = []
        rows = size = 0
        for name in part.files:
            with storage.open_input(storage.join(work, name)) as finished:
                table = pq.read_table(finished).replace_schema_metadata(schema.metadata)
            pending.append(table)
            rows, size = rows + table.num_rows, size + table.nbytes
            if rows >= ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
                writer.write_table(_joined(pending), row_group_size=ROW_GROUP_ROWS)
                pending, rows, size = [], 0, 0
        if pending:
            writer.write_table(_joined(pending), row_group_size=ROW_GROUP_ROWS)


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def rows_in(path: str) -> int:
    """The rows of a Parquet file, from its footer."""
    with storage.open_input(path) as stream:
        return pq.read_metadata(stream).num_rows
