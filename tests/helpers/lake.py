"""Delta and Iceberg tables for tests, also such as our libraries can read but not write."""

import base64
import json
import os
import shutil
import struct
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Z85 = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
PLAIN = {"minReaderVersion": 1, "minWriterVersion": 2}
MAPPED = {"minReaderVersion": 2, "minWriterVersion": 5}


def string_field(name: str, physical: str = "", number: int = 0) -> dict[str, Any]:
    """A field of a Delta schema, as the log has it; mapped, if it has another name in files."""
    metadata = {
        "delta.columnMapping.id": number,
        "delta.columnMapping.physicalName": physical,
    }
    return {
        "name": name,
        "type": "string",
        "nullable": True,
        "metadata": metadata if physical else {},
    }


def delta_by_hand(
    folder: Path,
    fields: list[dict[str, Any]],
    files: dict[str, tuple[pa.Table, dict[str, Any]]],
    protocol: dict[str, Any] | None = None,
    configuration: dict[str, str] | None = None,
    partition_columns: list[str] | None = None,
) -> str:
    """Writes the first version of a Delta table; returns its name as an input.

    Args:
        folder: the table's root.
        fields: of its schema.
        files: by name, what is in them, and what the log says of them beside the usual.
        protocol: of the table.
        configuration: the table's properties.
        partition_columns: whose values stand in the log only.
    """
    schema = json.dumps({"type": "struct", "fields": fields})
    actions: list[dict[str, Any]] = [
        {"protocol": protocol or PLAIN},
        {
            "metaData": {
                "id": str(uuid.uuid4()),
                "format": {"provider": "parquet", "options": {}},
                "schemaString": schema,
                "partitionColumns": partition_columns or [],
                "configuration": configuration or {},
                "createdTime": 0,
            }
        },
    ]
    (folder / "_delta_log").mkdir(parents=True)
    for name, (table, more) in files.items():
        pq.write_table(table, folder / name)
        actions.append({"add": {**file_action(folder, name), "dataChange": True, **more}})
    commit(folder, 0, actions)
    return f"delta:{folder}"


def file_action(folder: Path, name: str) -> dict[str, Any]:
    """What an `add` says of a file."""
    size = os.path.getsize(folder / name)
    return {"path": name, "partitionValues": {}, "size": size, "modificationTime": 0}


def commit(folder: Path, version: int, actions: list[dict[str, Any]]) -> None:
    """Writes a commit to a table's log."""
    path = folder / "_delta_log" / f"{version:020d}.json"
    path.write_text("".join(json.dumps(action) + "\n" for action in actions))


def features(*names: str) -> dict[str, Any]:
    """The protocol of a table that needs such reader features."""
    return {
        "minReaderVersion": 3,
        "minWriterVersion": 7,
        "readerFeatures": list(names),
        "writerFeatures": list(names),
    }


def deletion_vector(rows: list[int]) -> dict[str, Any]:
    """What an `add` says of deleted rows: a RoaringBitmapArray that lies in the log itself.

    By https://github.com/delta-io/delta/blob/master/PROTOCOL.md#deletion-vector-format
    """
    container = struct.pack(f"<{len(rows)}H", *rows)
    bitmap = struct.pack("<IIHHI", 12346, 1, 0, len(rows) - 1, 16) + container
    content = struct.pack("<IQI", 1681511377, 1, 0) + bitmap
    return {
        "storageType": "i",
        "pathOrInlineDv": _z85(content + b"\0" * (-len(content) % 4)),
        "sizeInBytes": len(content),
        "cardinality": len(rows),
    }


def _z85(content: bytes) -> str:
    """ZeroMQ's text of bytes (rfc.zeromq.org/spec/32), which is Python's base85 by other signs."""
    theirs = (
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
    )
    return base64.b85encode(content).translate(bytes.maketrans(theirs, Z85)).decode()


def iceberg_catalog(folder: Path, monkeypatch: Any, name: str = "lake") -> Any:
    """An Iceberg catalogue in a file, which pyiceberg's own configuration knows by its name."""
    from pyiceberg.catalog import load_catalog
    from pyiceberg.utils.config import Config

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for key, value in {
        "TYPE": "sql",
        "URI": f"sqlite:///{folder}/catalog.db",
        "WAREHOUSE": str(folder),
    }.items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__{name.upper()}__{key}", value)
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())  # it was read when imported
    catalog = load_catalog(name)
    return catalog


def add_files(table: Any, *files: Any, without: tuple[str, ...] = (), operation: str = "") -> None:
    """Commits files to an Iceberg table, or takes some away, by paths; in one snapshot.

    Args:
        table: pyiceberg's.
        files: `DataFile`s.
        without: paths of files that go.
        operation: what the snapshot says it was; pyiceberg itself never says `replace`.
    """
    gone = [task.file for task in table.scan().plan_files() if task.file.file_path in without]
    with table.transaction() as change, change.update_snapshot().overwrite() as update:
        for file in gone:
            update.delete_data_file(file)
        for file in files:
            update.append_data_file(file)
    if operation:
        path = Path(table.metadata_location.removeprefix("file://"))
        metadata = json.loads(path.read_text())
        for snapshot in metadata["snapshots"]:
            if snapshot["snapshot-id"] == metadata["current-snapshot-id"]:
                snapshot["summary"]["operation"] = operation
        path.write_text(json.dumps(metadata))
        table.refresh()


def iceberg_file(table: Any, path: Path, rows: pa.Table, content: str = "DATA") -> Any:
    """Writes a Parquet file, and what an Iceberg manifest says of it."""
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.typedef import Record

    pq.write_table(rows, path)
    return DataFile.from_args(
        content=DataFileContent[content],
        file_path=str(path),
        file_format=FileFormat.PARQUET,
        partition=Record(),
        spec_id=0,
        record_count=rows.num_rows,
        file_size_in_bytes=path.stat().st_size,
    )
