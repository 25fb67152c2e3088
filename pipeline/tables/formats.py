"""The formats: how a table is opened, made and checked. Their libraries load when one is named."""

import os
from collections.abc import Sequence

import pyarrow as pa

from pipeline import storage
from pipeline.errors import UsageError
from pipeline.table_names import DELTA, TableName, parse_table
from pipeline.tables.opened import Opened
from pipeline.tables.schema import check_types, new_columns


def table_to_write(text: str) -> TableName:
    """The table of an option: one that may be written to, under a name that holds anywhere.

    Raises:
        UsageError: if it is none.
    """
    name = parse_table(text)
    if name.version is not None:
        raise UsageError(f"--table {text}: only the latest version can be written; leave out the @")
    if name.kind == DELTA:
        root = storage.supported(name.name)
        if storage.is_local(root):
            root = os.path.abspath(storage.local_path(root))
        return name._replace(name=root.rstrip("/"))
    return name


def open_table(name: TableName) -> Opened | None:
    """Opens the latest version of a table; None if there is none."""
    from pipeline.tables.delta import open_delta

    return open_delta(name.name)


def create_table(name: TableName, schema: pa.Schema, partition_by: Sequence[str]) -> None:
    """Makes a table without rows; somebody else may be faster."""
    from pipeline.tables.delta import create_delta

    create_delta(name.name, schema, partition_by)


def check_table(name: TableName, schema: pa.Schema) -> None:
    """Sees before any work whether rows of a schema can go into a table.

    Raises:
        UsageError: if they can't.
    """
    from pipeline.tables.delta import FORMAT, check_place, stored

    check_types(schema, stored, FORMAT)
    table = open_table(name)
    if table is None:
        check_place(name.name)
        return
    table.check()
    new_columns(schema, table.schema(), stored, name.latest)
