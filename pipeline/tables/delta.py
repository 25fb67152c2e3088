"""Delta tables as a whole: opened, made, and where one may be made."""

from collections.abc import Sequence

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from pipeline import storage
from pipeline.errors import NewsbeamError, UsageError
from pipeline.tables.delta_version import Delta
from pipeline.tables.partitions import PartitionColumn
from pipeline.tables.stored_types import in_delta


def open_delta(root: str) -> Delta | None:
    """Opens the latest version; None if there is no table.

    Raises:
        NewsbeamError: if there is one that can't be read.
    """
    try:
        return Delta(root, DeltaTable(root))
    except TableNotFoundError:
        return None
    except DeltaError as error:
        raise NewsbeamError(f"delta:{root} can't be read: {error}") from error


def check_place(root: str) -> None:
    """Refuses to make a table in a folder that holds something else.

    Raises:
        UsageError: if it does.
    """
    names = [file.name for file in storage.files_in(root)] + storage.folders_in(root)
    if others := [name for name in names if not name.startswith(("_", "."))]:
        raise UsageError(f"{root} is no Delta table and holds something else ({others[0]})")


def create_delta(root: str, schema: pa.Schema, partition_by: Sequence[str]) -> None:
    """Makes a table without rows; somebody else may be faster."""
    fields = [pa.field(field.name, in_delta(field.type)) for field in schema]
    by = [PartitionColumn.of(one) for one in partition_by]
    days = [pa.field(one.name, pa.date32()) for one in by if one.by_day]
    plain = pa.schema([*fields, *days])
    try:
        DeltaTable.create(root, plain, partition_by=[one.name for one in by], name="labels")
    except DeltaError:
        if open_delta(root) is None:
            raise
