"""Columns inside columns: `metadata.url` is `url` in the structs, or JSON objects, of `metadata`.

A name that really has dots in it wins: `a.b.c` is the column of that name, else `c` in `a.b`, else
`b.c` in `a`, else `c` in `b` in `a`.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

DEPTH = 16  # of objects in objects whose names are offered


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    """Every way to cut a name at a dot, the longest front part first."""
    at = name.rfind(".")
    while at >= 0:
        yield name[:at], name[at + 1 :]
        at = name.rfind(".", 0, at)


def find_path(fields: pa.Schema | pa.StructType, name: str) -> tuple[pa.Field, ...] | None:
    """The column that a name means, and the fields to go through in it; None if there is none."""
    index = fields.get_field_index(name)
    if index >= 0:
        return (fields.field(index),)
    for front, rest in _cuts(name):
        index = fields.get_field_index(front)
        if index >= 0 and pa.types.is_struct(fields.field(index).type):
            inner = find_path(fields.field(index).type, rest)
            if inner is not None:
                return (fields.field(index), *inner)
    return None


def pick(table: pa.Table, names: list[str]) -> pa.Table:
    """The columns that the names mean, under these names.

    Raises:
        KeyError: for a name that means none.
    """
    columns = []
    for name in names:
        path = find_path(table.schema, name)
        if path is None:
            raise KeyError(name)
        column = table.column(path[0].name)
        inner = [field.name for field in path[1:]]
        columns.append(pc.struct_field(column, inner) if inner else column)
    return pa.table(columns, names=names) if names else table.select([])


def is_list(kind: pa.DataType) -> bool:
    """Whether values are lists, in whichever of Arrow's layouts."""
    tests = (
        pa.types.is_list,
        pa.types.is_large_list,
        pa.types.is_fixed_size_list,
        pa.types.is_list_view,
        pa.types.is_large_list_view,
    )
    return any(test(kind) for test in tests)


def get(value: dict[str, Any], name: str) -> Any:
    """What a name means in a JSON object; None if it is absent."""
    if name in value or "." not in name:
        return value.get(name)
    for front, rest in _cuts(name):
        inner = value.get(front)
        if isinstance(inner, dict):
            found = get(inner, rest)
            if found is not None:
                return found
    return None


def names_inside(value: dict[str, Any], depth: int = DEPTH, before: str = "") -> Iterator[str]:
    """The dotted names of all that lies in the objects that a JSON object holds."""
    for key, inner in value.items():
        if isinstance(inner, dict) and depth:
            yield from (f"{before}{key}.{name}" for name in inner)
            yield from names_inside(inner, depth - 1, f"{before}{key}.")


def inside_out(kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """A type changed, and before it every type inside it: of lists, structs and maps."""

    def inner(field: pa.Field) -> pa.Field:
        return field.with_type(inside_out(field.type, change))

    types = pa.types
    if types.is_list(kind):
        kind = pa.list_(inner(kind.value_field))
    elif types.is_large_list(kind):
        kind = pa.large_list(inner(kind.value_field))
    elif types.is_fixed_size_list(kind):
        kind = pa.list_(inner(kind.value_field), kind.list_size)
    elif types.is_struct(kind):
        kind = pa.struct([inner(field) for field in kind])
    elif types.is_map(kind):
        kind = pa.map_(inner(kind.key_field), inner(kind.item_field), kind.keys_sorted)
    return change(kind)
