"""Delta tables, by deltalake: the files of a version, and what a commit only rewrote."""

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow as pa

from model.console.terminal import first_line
from pipeline import storage
from pipeline.corpus.tables.snapshot import FIELD_ID, FILE_NAMES, Rewrite, Snapshot, TableFile
from pipeline.errors import UsageError
from pipeline.table_names import TableName

MAPPING = "delta.columnMapping.mode"
MAPPED_ID = b"delta.columnMapping.id"
MAPPED_NAME = b"delta.columnMapping.physicalName"
SHOWN = 200  # characters of what deltalake says
# Reader features that are honoured, or that change nothing for who reads the files of a version.
KNOWN = {
    "columnMapping",
    "deletionVectors",
    "timestampNtz",
    "typeWidening",
    "typeWidening-preview",
    "v2Checkpoint",
    "vacuumProtocolCheck",
}


def snapshot(name: TableName) -> Snapshot:
    """The table at the version that is asked for, else at the latest.

    Deletion vectors are read here; columns that are mapped are found by the schema's metadata.

    Raises:
        UsageError: if there is no such table or version, or deltalake can't read it.
    """
    table, root = _open(name)
    unknown = sorted(set(table.protocol().reader_features or ()) - KNOWN)
    if unknown:
        raise _unreadable(name, f"it needs {', '.join(unknown)}, which newsbeam doesn't know")
    try:
        adds = pa.table(table.get_add_actions()).to_pylist()
        schema = pa.schema(table.schema().to_arrow())
        mode = table.metadata().configuration.get(MAPPING, "none")
        masks = _masks(table)
        version = table.version()
    except Exception as error:
        raise _unreadable(name, first_line(error)) from error
    adds.sort(key=lambda add: (add["modification_time"], add["path"]))
    files = []
    for add in adds:
        path = _path(root, add["path"])
        files.append(TableFile(path, add.get("partition") or {}, masks.get(path)))
    annotated = pa.schema([_as_told(field, mode) for field in schema])
    return Snapshot(name, version, annotated, files, needs_ids=mode == "id")


def rewrites(name: TableName, since: int, until: int) -> list[Rewrite] | None:
    """The commits after `since` and up to `until` that changed no row, such as OPTIMIZE.

    Returns:
        None if that can't be known: the log goes back in time, or reaches less far.
    """
    if since > until:
        return None
    _, root = _open(name)
    found = []
    for version in range(since + 1, until + 1):
        try:
            content = storage.read_bytes(f"{root}/_delta_log/{version:020d}.json")
            actions = [json.loads(line) for line in content.splitlines() if line.strip()]
        except (OSError, ValueError):
            return None
        rewrite = _rewrite(actions, root)
        if rewrite is not None:
            found.append(rewrite)
    return found


def _rewrite(actions: list[dict[str, Any]], root: str) -> Rewrite | None:
    removed: set[str] = set()
    added: set[str] = set()
    for action in actions:
        for kind, paths in (("remove", removed), ("add", added)):
            if kind in action:
                if action[kind].get("dataChange", True):
                    return None
                paths.add(_path(root, action[kind]["path"]))
    return Rewrite(frozenset(removed), frozenset(added)) if removed else None


def _open(name: TableName) -> tuple[Any, str]:
    """The table, and the path of its root as `storage` takes it."""
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    uri = storage.supported(name.name)
    try:
        table = DeltaTable(uri, version=name.version)
        root = table.table_uri.rstrip("/")
    except TableNotFoundError as error:
        raise UsageError(f"no input: there is no Delta table at {name.name}") from error
    except Exception as error:
        if name.version is not None:
            latest, _ = _open(name._replace(version=None))
            if latest.version() < name.version:
                raise UsageError(
                    f"no input: {name.latest} has no version {name.version}, "
                    f"its latest is {latest.version()}"
                ) from error
        raise _unreadable(name, first_line(error)) from error
    return table, _local(root) if storage.is_local(root) else root


def _unreadable(name: TableName, reason: str) -> UsageError:
    reason = reason.removeprefix("Kernel error: ").removesuffix(".")
    reason = reason if len(reason) <= SHOWN else f"{reason[: SHOWN - 1]}…"  # some go on for pages
    return UsageError(f"cannot read {name}: {reason}")


def _local(uri: str) -> str:
    return unquote(urlsplit(uri).path) if uri.startswith("file:") else uri


def _path(root: str, path: str) -> str:
    """Where a file lies; its path in the log is a URI, relative to the root unless it says more."""
    if urlsplit(path).scheme:
        return _local(path) if storage.is_local(path) else path
    path = unquote(path)
    return path if path.startswith("/") else f"{root}/{path}"


def _masks(table: Any) -> dict[str, np.ndarray]:
    """By path: which rows of a file are deleted."""
    masks = {}
    for batch in table.deletion_vectors():
        for path, keep in zip(*pa.record_batch(batch).columns, strict=True):
            kept = keep.values.to_numpy(zero_copy_only=False)
            masks[_local(path.as_py())] = ~kept
    return masks


def _as_told(field: pa.Field, mode: str) -> pa.Field:
    """A field with what tells it in a file, also of what lies in it."""
    metadata = field.metadata or {}
    told: dict[bytes, bytes] = {}
    if mode == "id" and MAPPED_ID in metadata:
        told[FIELD_ID] = metadata[MAPPED_ID]
    elif mode == "name" and MAPPED_NAME in metadata:
        told[FILE_NAMES] = json.dumps([metadata[MAPPED_NAME].decode()]).encode()
    kind = field.type
    if pa.types.is_struct(kind):
        kind = pa.struct([_as_told(inner, mode) for inner in kind])
    return pa.field(field.name, kind, metadata=told)
