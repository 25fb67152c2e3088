"""The formats: how a table is opened, made and checked. Their libraries load when one is named."""

import os
from collections.abc import Sequence

import pyarrow as pa

from pipeline import storage
from pipeline.errors import UsageError
from pipeline.table_names import DELTA, ICEBERG, TableName, parse_table
from pipeline.tables.opened import Opened
from pipeline.tables.partitions import PartitionColumn, check_partitions
from pipeline.tables.schema import check_types, new_columns
from pipeline.tables.stored_types import in_delta, in_iceberg

TYPES = {DELTA: ("Delta Lake", in_delta), ICEBERG: ("Iceberg", in_iceberg)}


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
    if name.kind == DELTA:
        from pipeline.tables.delta import open_delta

        return open_delta(name.name)
    from pipeline.tables.iceberg import open_iceberg

    return open_iceberg(name)


def root_of(text: str) -> str | None:
    """The folder in which the files of a table lie; None if there is no table."""
    name = parse_table(text)
    if name.kind == DELTA:
        root = storage.supported(name.name)
        return storage.real_path(root).rstrip("/")
    table = open_table(name)
    return None if table is None else storage.local_path(table.root)


def create_table(name: TableName, schema: pa.Schema, partition_by: Sequence[str]) -> None:
    """Makes a table without rows; somebody else may be faster."""
    if name.kind == DELTA:
        from pipeline.tables.delta import create_delta

        create_delta(name.name, schema, partition_by)
        return
    from pipeline.tables.iceberg import create_iceberg

    create_iceberg(name, schema, partition_by)


def check_columns(name: TableName, schema: pa.Schema) -> None:
    """Refuses columns that a table's format does not keep as they are.

    Raises:
        UsageError: for the first of them.
    """
    format_name, stored = TYPES[name.kind]
    check_types(schema, stored, format_name)


def check_table(
    name: TableName, schema: pa.Schema, partition_by: Sequence[str], carried: set[str]
) -> None:
    """Sees before any work whether rows of a schema can go into a table.

    Args:
        name: of the table.
        schema: of the rows.
        partition_by: by what it is to be partitioned; nothing for as it is.
        carried: the columns that are carried.

    Raises:
        UsageError: if they can't.
    """
    check_columns(name, schema)
    by = [PartitionColumn.of(one) for one in partition_by]
    check_partitions(by, schema, carried)
    table = open_table(name)
    if table is not None:
        table.check()
        for field in table.schema():
            if not field.nullable:
                raise UsageError(f"column {field.name} of {name.latest} takes no nulls; ours may")
        there = table.partitioned_by()
        if by and by != there:
            is_by = f"by {','.join(map(str, there))}" if there else "by nothing"
            raise UsageError(f"{name.latest} is partitioned {is_by}; leave out --partition_by")
        check_partitions(there, schema, carried)
        new_columns(schema, table.schema(), TYPES[name.kind][1], name.latest)
    elif name.kind == DELTA:
        from pipeline.tables.delta import check_place

        check_place(name.name)
