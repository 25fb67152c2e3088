"""How a table sees one of its files: settled by the plan, applied by whoever reads the file."""

import base64
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.corpus.nested import find_path
from pipeline.corpus.sources import Columns, Rows, View
from pipeline.corpus.tables.snapshot import FIELD_ID, FILE_NAMES, Snapshot, TableFile
from pipeline.errors import UsageError

Read = Callable[[int, int | None, Columns], Iterator[Rows]]  # start, rows, columns


def view_of(table: Snapshot, file: TableFile, inside: pa.Schema, names: list[str]) -> View | None:
    """How a table sees the columns in use.

    Args:
        table: it.
        file: one of its files.
        inside: the columns that lie in the file.
        names: columns of the table, perhaps inside others.

    Returns:
        None if the file is as the table has it.

    Raises:
        UsageError: if a column can't be made of what lies in the file.
    """
    numbered = _has_ids(inside)
    columns: list[tuple[str, str | None, str | None]] = []
    for name in names:
        path = find_path(table.schema, name)
        if path is None:
            continue
        if table.needs_ids and not numbered and FILE_NAMES not in (path[0].metadata or {}):
            raise UsageError(
                f"cannot read {table}: {file.path} numbers no columns, and the table has no "
                "name mapping that says which is which"
            )
        found = _in_file(path, inside, numbered)
        if found is not None:
            _check(table, file, name, found[-1].type, path[-1].type)
            columns.append((name, ".".join(field.name for field in found), None))
        else:
            columns.append((name, None, _value(table, name, path, file.values)))
    deleted = None if file.deleted is None else pack(file.deleted)
    is_plain = all(name == there for name, there, _ in columns)
    return None if is_plain and deleted is None else View(tuple(columns), deleted)


def read_view(
    view: View, read: Read, start: int, rows: int | None, columns: Columns
) -> Iterator[Rows]:
    """Reads rows of a table from a file.

    Args:
        view: how the table sees the file.
        read: reads rows of the file.
        start: the first row, among those that are not deleted.
        rows: how many of them.
        columns: which columns, by their names in the table.

    Yields:
        The columns under the table's names.
    """
    found = {name: (there, value) for name, there, value in view.columns}
    names = columns.names()
    wanted = Columns(tuple(dict.fromkeys(there for n in names if (there := found[n][0]))))
    deleted = None if view.deleted is None else unpack(view.deleted)
    assert rows is not None  # a footer always has them
    position, end = start, start + rows
    if deleted is not None and rows:
        kept = np.flatnonzero(~deleted)
        position, end = int(kept[start]), int(kept[start + rows - 1]) + 1
    for stretch in read(position, end - position, wanted):
        table = stretch.table
        first, position = position, position + table.num_rows
        if deleted is not None:
            table = table.filter(pa.array(~deleted[first:position]))
        arrays = []
        for name in names:
            there, value = found[name]
            if there is not None:
                arrays.append(table.column(there))
            else:
                arrays.append(_constant(value, table.num_rows))
        yield Rows(pa.table(arrays, names=names) if names else table)


def _constant(value: str | None, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), rows) if value is not None else pa.nulls(rows)


def pack(deleted: np.ndarray) -> str:
    """Which rows are deleted, in a line of text."""
    packed = base64.b64encode(zlib.compress(np.packbits(deleted).tobytes(), 9)).decode()
    return f"{len(deleted)}:{packed}"


def unpack(text: str) -> np.ndarray:
    """What `pack` has packed: bool [rows]."""
    count, _, packed = text.partition(":")
    bits = np.frombuffer(zlib.decompress(base64.b64decode(packed)), np.uint8)
    return np.unpackbits(bits, count=int(count)).astype(bool)


def _has_ids(inside: pa.Schema) -> bool:
    return any(FIELD_ID in (field.metadata or {}) for field in inside)


def _in_file(
    path: tuple[pa.Field, ...], inside: pa.Schema | pa.StructType, numbered: bool
) -> tuple[pa.Field, ...] | None:
    """The fields to go through in the file for a column of the table; None if it isn't there."""
    field, *rest = path
    found = _one_in_file(field, inside, numbered)
    if found is None or not rest:
        return None if found is None else (found,)
    if not pa.types.is_struct(found.type):
        return None
    inner = _in_file(tuple(rest), found.type, numbered)
    return None if inner is None else (found, *inner)


def _one_in_file(
    field: pa.Field, inside: pa.Schema | pa.StructType, numbered: bool
) -> pa.Field | None:
    metadata = field.metadata or {}
    if numbered and FIELD_ID in metadata:
        number = metadata[FIELD_ID]
        return next((one for one in inside if (one.metadata or {}).get(FIELD_ID) == number), None)
    names = json.loads(metadata.get(FILE_NAMES, json.dumps([field.name])))
    return next((one for one in inside if one.name in names), None)


def _check(
    table: Snapshot, file: TableFile, name: str, there: pa.DataType, wanted: pa.DataType
) -> None:
    """Sees to it that values of a file become those of its table by a cast."""
    try:
        pa.array([], there).cast(wanted)
        fits = _inner_names(wanted) >= _inner_names(there)
    except pa.ArrowException:
        fits = False
    if not fits:
        raise UsageError(
            f"cannot read {table}: column {name} is {wanted}, and in {file.path} {there}; "
            "leave it out, or have the table's files rewritten"
        )


def _inner_names(kind: pa.DataType, before: str = "") -> set[str]:
    """The names of all that lies inside a type."""
    found = set()
    for number in range(kind.num_fields):
        field = kind.field(number)
        path = f"{before}.{field.name if pa.types.is_struct(kind) else number}"
        found |= {path, *_inner_names(field.type, path)}
    return found


def _value(
    table: Snapshot, name: str, path: tuple[pa.Field, ...], values: dict[str, Any]
) -> str | None:
    """The one value of all rows, as a text that a cast understands."""
    value = values.get(path[0].name) if len(path) == 1 else None
    if value is None:
        return None
    kind = path[0].type
    try:
        scalar = pa.scalar(value, kind)
        text = scalar.cast(pa.string()).as_py()
        if pa.array([text]).cast(kind)[0].equals(scalar):
            return text
    except pa.ArrowException:
        pass
    raise UsageError(
        f"cannot read {table}: the values of its column {name} are {kind}; leave it out"
    )
