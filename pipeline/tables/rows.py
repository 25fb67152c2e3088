"""Which rows of a table's files a run replaces, and the rows beside them that stay."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.corpus.documents import METADATA_KEY
from pipeline.tables.change import Inputs

SOURCE = "source"
AT_ONCE = 16  # files that are looked into at a time: in a store that is waiting for answers
COMPRESSION = "zstd"
KEPT = ("bundle", "version", "labels")  # of what a file says of itself, where rows of it went

Open = Callable[[str], IO[bytes]]
Partition = tuple[tuple[str, str | None], ...]


class TableFile(NamedTuple):
    """A file that a table refers to.

    Attributes:
        path: as the table names it.
        size: in bytes.
        least: no `source` in it comes before this one; None if that isn't known.
        most: no `source` in it comes behind this one.
        partition: its values of the columns by which a Delta table is partitioned, as text.
        has_deletes: whether rows of it are deleted elsewhere, in a file of deletions.
    """

    path: str
    size: int
    least: str | None = None
    most: str | None = None
    partition: Partition = ()
    has_deletes: bool = False


class Touched(NamedTuple):
    """A file with rows that go.

    Attributes:
        file: which.
        gone: how many rows go.
        rows: how many there are.
    """

    file: TableFile
    gone: int
    rows: int


class Facts(NamedTuple):
    """What the table is told of a file: rows, bytes, and between which values `source` lies."""

    rows: int
    size: int
    least: str | None
    most: str | None


def touched(files: Iterable[TableFile], inputs: Inputs, open_file: Open) -> list[Touched]:
    """Looks for rows of the inputs, in those files that may have some."""

    def look(file: TableFile) -> Touched:
        with open_file(file.path) as stream:
            parquet = pq.ParquetFile(stream)
            rows = parquet.metadata.num_rows
            if SOURCE not in parquet.schema_arrow.names:
                return Touched(file, 0, rows)
            sources = parquet.read(columns=[SOURCE])[SOURCE]
        return Touched(file, inputs.among(sources).to_pylist().count(True), rows)

    wanted = [file for file in files if inputs.may_be_between(file.least, file.most)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [one for one in pool.map(look, wanted) if one.gone]


def write_rest(path: str, inputs: Inputs, open_file: Open, target: IO[bytes]) -> None:
    """Writes the rows of a file that stay.

    Args:
        path: of the file.
        inputs: whose rows go.
        open_file: opens a file of the table.
        target: where to.
    """

    def rest(table: pa.Table) -> pa.Table:
        return table.filter(pc.invert(pc.fill_null(inputs.among(table[SOURCE]), False)))

    with open_file(path) as stream:
        write_plain(stream, target, rest)


def write_plain(
    stream: IO[bytes], target: IO[bytes], choose: Callable[[pa.Table], pa.Table] | None = None
) -> None:
    """Writes rows of a Parquet file as one that has Parquet's own types only, by its row groups.

    Arrow's types beside them, such as dictionaries, make pyiceberg fail on a table in which other
    writers' files have plain strings.

    Args:
        stream: the file.
        target: where to.
        choose: picks rows; None takes all.
    """
    parquet = pq.ParquetFile(stream)
    schema = parquet.schema_arrow
    about = json.loads((schema.metadata or {}).get(METADATA_KEY, b"{}"))
    kept = {name: about[name] for name in KEPT if name in about}
    metadata = {METADATA_KEY: json.dumps(kept)} if kept else None
    plain = pa.schema([plain_field(field) for field in schema], metadata)
    with pq.ParquetWriter(target, plain, compression=COMPRESSION, store_schema=False) as writer:
        for number in range(parquet.num_row_groups):
            table = parquet.read_row_group(number)
            table = table if choose is None else choose(table)
            if table.num_rows:
                writer.write_table(table.cast(plain))


def plain_field(field: pa.Field) -> pa.Field:
    """A column without Arrow's dictionary around it."""
    is_dictionary = pa.types.is_dictionary(field.type)
    return field.with_type(field.type.value_type) if is_dictionary else field


def facts_of(path: str, size: int, open_file: Open) -> Facts:
    """Reads the footer of a file that we have written ourselves.

    Others may have cut what stands there as the largest value.
    """
    with open_file(path) as stream:
        footer = pq.read_metadata(stream)
    leaves = [footer.schema.column(n).path for n in range(footer.num_columns)]
    number = leaves.index(SOURCE)
    groups = [footer.row_group(n).column(number).statistics for n in range(footer.num_row_groups)]
    known = all(one is not None and one.has_min_max for one in groups) and groups
    least = min(one.min for one in groups) if known else None
    most = max(one.max for one in groups) if known else None
    return Facts(footer.num_rows, size, least, most)
