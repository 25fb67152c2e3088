"""What is known of a table at one of its versions, whichever kind of table it is."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.table_names import TableName

FIELD_ID = b"PARQUET:field_id"  # as pyarrow says it, of files as of schemas
FILE_NAMES = b"newsbeam:file_names"  # of a schema's field: what it may be called in a file, as JSON


@dataclass(frozen=True)
class TableFile:
    """A Parquet file of a table.

    Attributes:
        path: as `storage` opens it.
        values: what the table's metadata says of columns that the file may lack: one value for
            all its rows.
        deleted: bool [rows of the file], True for rows that the table has no more; None if it has
            them all.
    """

    path: str
    values: dict[str, Any] = field(default_factory=dict)
    deleted: np.ndarray | None = None


@dataclass(frozen=True)
class Snapshot:
    """A table at one version.

    Attributes:
        name: with the version that was asked for, if one was.
        version: a Delta version, or the number of an Iceberg snapshot.
        schema: the table's columns. A field whose metadata has `FIELD_ID` is told by it in files
            that number their columns; else by one of its `FILE_NAMES`, or its own name.
        needs_ids: whether a file that numbers no columns can't be understood without `FILE_NAMES`.
        files: in the table's order.
    """

    name: TableName
    version: int
    schema: pa.Schema
    files: list[TableFile]
    needs_ids: bool = False

    def __str__(self) -> str:
        return str(self.name._replace(version=self.version))

    def columns(self) -> pa.Schema:
        """The schema without what tells columns in files, of which nobody else need know."""
        return pa.schema([_bare(field) for field in self.schema])


def _bare(field: pa.Field) -> pa.Field:
    kind = field.type
    if pa.types.is_struct(kind):
        kind = pa.struct([_bare(inner) for inner in kind])
    elif pa.types.is_list(kind):
        kind = pa.list_(_bare(kind.value_field))
    elif pa.types.is_map(kind):
        kind = pa.map_(_bare(kind.key_field), _bare(kind.item_field))
    return pa.field(field.name, kind)


class Rewrite(NamedTuple):
    """A commit that changed no row: the rows of some files now lie in others.

    Attributes:
        removed: paths of the files that the table no longer has.
        added: paths of the files that hold their rows now.
    """

    removed: frozenset[str]
    added: frozenset[str]
