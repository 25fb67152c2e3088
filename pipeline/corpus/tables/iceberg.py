"""Iceberg tables, by pyiceberg and its configuration: the files of a snapshot, and its history."""

import json
import logging
from typing import Any

import pyarrow as pa

from model.console.terminal import first_line
from pipeline import storage
from pipeline.corpus.tables.iceberg_deletes import Deletes
from pipeline.corpus.tables.snapshot import FIELD_ID, FILE_NAMES, Rewrite, Snapshot, TableFile
from pipeline.errors import UsageError
from pipeline.table_names import TableName


def snapshot(name: TableName) -> Snapshot:
    """The table at the snapshot that is asked for, with that one's columns; else at the latest.

    Raises:
        UsageError: if there is no such catalogue, table or snapshot, or it can't be read: files of
            another format than Parquet, or deletes by equality.
    """
    table = _open(name)
    chosen = table.current_snapshot()
    if name.version is not None:
        chosen = table.snapshot_by_id(name.version)
        if chosen is None:
            raise UsageError(f"no input: {name.latest} has no snapshot {name.version}")
    if chosen is None:
        raise UsageError(f"no input: {name.latest} has no snapshot yet")
    try:
        asked = None if name.version is None else chosen.snapshot_id
        schema = table.scan(snapshot_id=asked).projection()
        tasks = list(table.scan(snapshot_id=chosen.snapshot_id).plan_files())
        deletes = Deletes(table.io)
        files = [_file(name, table, schema, task, deletes) for task in tasks]
        told = _schema(schema, table.name_mapping())
    except UsageError:
        raise
    except Exception as error:
        raise _unreadable(name, error) from error
    return Snapshot(name, chosen.snapshot_id, told, files, needs_ids=True)


def rewrites(name: TableName, since: int, until: int) -> list[Rewrite] | None:
    """The snapshots after `since` and up to `until` that changed no row, such as compaction.

    Returns:
        None if that can't be known: `since` is none of those before `until`, or it has expired.
    """
    table = _open(name)
    found: list[Rewrite] = []
    try:
        at = table.snapshot_by_id(until)
        while at is not None and at.snapshot_id != since:
            if at.summary is not None and at.summary.operation.value == "replace":
                found.append(_rewrite(table, at))
            parent = at.parent_snapshot_id
            at = table.snapshot_by_id(parent) if parent is not None else None
    except Exception as error:
        raise _unreadable(name, error) from error
    return None if at is None else found[::-1]


def _rewrite(table: Any, snapshot: Any) -> Rewrite:
    removed: set[str] = set()
    added: set[str] = set()
    for manifest in snapshot.manifests(table.io):
        if manifest.added_snapshot_id != snapshot.snapshot_id:
            continue
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False):
            if entry.snapshot_id == snapshot.snapshot_id:
                kinds = {"ADDED": added, "DELETED": removed}
                kinds.get(entry.status.name, set()).add(_path(entry.data_file.file_path))
    return Rewrite(frozenset(removed), frozenset(added))


def _open(name: TableName) -> Any:
    from pyiceberg.catalog import load_catalog
    from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
    from pyiceberg.utils.config import Config

    logging.getLogger("pyiceberg").setLevel(logging.ERROR)  # a line for each dictionary column
    try:
        if not Config().get_catalog_config(name.catalog):
            raise UsageError(
                f"no input: pyiceberg's configuration has no catalogue {name.catalog} "
                "(.pyiceberg.yaml, or environment variables PYICEBERG_CATALOG__NAME__...)"
            )
        return load_catalog(name.catalog).load_table(name.identifier)
    except UsageError:
        raise
    except (NoSuchTableError, NoSuchNamespaceError) as error:
        raise UsageError(
            f"no input: the catalogue {name.catalog} has no table {name.identifier}"
        ) from error
    except Exception as error:
        raise _unreadable(name, error) from error


def _unreadable(name: TableName, error: Exception) -> UsageError:
    return UsageError(f"cannot read {name}: {first_line(error).removesuffix('.')}")


def _file(name: TableName, table: Any, schema: Any, task: Any, deletes: Deletes) -> TableFile:
    file = task.file
    if file.file_format.value.lower() != "parquet":
        raise UsageError(
            f"cannot read {name}: {file.file_path} is {file.file_format.value}; "
            "of tables newsbeam reads Parquet files only"
        )
    values = {
        one.name: _plain_value(one.field_type, one.initial_default)
        for one in schema.fields
        if one.initial_default is not None
    }
    spec = table.metadata.specs()[file.spec_id]
    for place, part in enumerate(spec.fields):
        column = schema.find_column_name(part.source_id)
        if str(part.transform) == "identity" and column is not None:
            values[column] = _plain_value(schema.find_type(column), file.partition[place])
    return TableFile(_path(file.file_path), values, deletes.mask(task))


def _plain_value(kind: Any, value: Any) -> Any:
    """A value as Python has it: in metadata, times are numbers of days or microseconds."""
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    arrow = schema_to_pyarrow(kind)
    if not isinstance(value, int) or not pa.types.is_temporal(arrow):
        return value
    return pa.scalar(value, pa.int32() if arrow.bit_width == 32 else pa.int64()).cast(arrow).as_py()


def _path(path: str) -> str:
    """A file's location as `storage` takes it: Hadoop writes `file:/data` too."""
    if path.startswith("file:"):
        return "/" + path.removeprefix("file:").lstrip("/")
    return storage.supported(path)


def _schema(schema: Any, mapping: Any) -> pa.Schema:
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    names = {} if mapping is None else _names(mapping)
    return pa.schema([_as_told(field, names) for field in schema_to_pyarrow(schema)])


def _names(mapping: Any) -> dict[int, list[str]]:
    """By number: what columns may be called in files that number none."""
    found: dict[int, list[str]] = {}

    def gather(fields: Any) -> None:
        for one in fields:
            if one.field_id is not None:
                found[one.field_id] = list(one.names)
            gather(one.fields)

    gather(mapping.root)
    return found


def _as_told(field: pa.Field, names: dict[int, list[str]]) -> pa.Field:
    """A field with what tells it in a file, and of the types that Parquet files are read as."""
    number = (field.metadata or {}).get(FIELD_ID)
    told = {} if number is None else {FIELD_ID: number}
    if number is not None and int(number) in names:
        told[FILE_NAMES] = json.dumps(names[int(number)]).encode()
    return pa.field(field.name, _as_read(field.type, names), metadata=told)


def _as_read(kind: pa.DataType, names: dict[int, list[str]]) -> pa.DataType:
    if pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_large_binary(kind):
        return pa.binary()
    if pa.types.is_struct(kind):
        return pa.struct([_as_told(inner, names) for inner in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_as_told(kind.value_field, names))
    if pa.types.is_map(kind):
        return pa.map_(_as_told(kind.key_field, names), _as_told(kind.item_field, names))
    return kind
