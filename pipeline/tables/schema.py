"""Columns of a run against columns of a table: what is new, and what does not fit.

A table keeps the types that it was made with. Types that a format would change in silence are
refused: a number of 64 bits without a sign becomes one with a sign, and half of its values others.
"""

from collections.abc import Callable

import pyarrow as pa

from pipeline.errors import UsageError

Stored = Callable[[pa.DataType], pa.DataType]  # what a format makes of a type; raises


def check_types(schema: pa.Schema, stored: Stored, format_name: str) -> None:
    """Refuses columns that a format has no place for, or would change in silence.

    Args:
        schema: of the rows.
        stored: gives the type that comes back from a table.
        format_name: for people.

    Raises:
        UsageError: for the first of them.
    """
    names: dict[str, str] = {}
    for field in schema:
        other = names.setdefault(field.name.lower(), field.name)
        if other != field.name:
            raise UsageError(
                f"columns {other} and {field.name} differ in nothing but case, which {format_name} "
                f"does not heed; carry one under another name"
            )
        try:
            kept = keeps(field.type, stored(field.type))
        except Exception:  # each library has its own
            kept = False
        if not kept:
            raise UsageError(
                f"column {field.name} is {field.type}, which {format_name} does not keep as it is; "
                f"carry it as another type, or leave it out"
            )


def keeps(before: pa.DataType, after: pa.DataType) -> bool:
    """Whether values of one type are the same in another."""
    types = pa.types
    if types.is_null(before):
        return False  # no type yet: the first value would make it another one
    if types.is_dictionary(before):
        return keeps(before.value_type, after)
    if _is_list(before):
        return _is_list(after) and keeps(before.value_type, after.value_type)
    if types.is_map(before):
        pairs = ((before.key_type, after.key_type), (before.item_type, after.item_type))
        return types.is_map(after) and all(keeps(*pair) for pair in pairs)
    if types.is_struct(before):
        return (
            types.is_struct(after)
            and [field.name for field in before] == [field.name for field in after]
            and all(keeps(one.type, other.type) for one, other in zip(before, after, strict=True))
        )
    if types.is_timestamp(before):
        # Smaller units hold what larger ones do; nanoseconds are no standard type of the formats.
        return after == pa.timestamp("us", before.tz) and before.unit != "ns"
    if _is_string(before) or _is_binary(before):
        return _is_string(after) if _is_string(before) else _is_binary(after)
    if types.is_signed_integer(before) and types.is_signed_integer(after):
        return before.bit_width <= after.bit_width
    return before == after or (types.is_date64(before) and types.is_date32(after))


def new_columns(schema: pa.Schema, table: pa.Schema, stored: Stored, where: str) -> list[pa.Field]:
    """The columns of a run that a table doesn't have yet.

    Args:
        schema: of the run.
        table: of the table.
        stored: gives the type that a table has for one of the run.
        where: the table's name.

    Raises:
        UsageError: if a column of both is of another type.
    """
    names = {name.lower(): name for name in table.names}
    new = []
    for field in schema:
        if field.name in table.names:
            there, now = table.field(field.name).type, stored(field.type)
            if not (keeps(now, there) and keeps(there, now)):
                raise UsageError(
                    f"column {field.name} is {_shown(there)} in {where}, and {_shown(now)} here; "
                    f"carry it under another name, or use another --table"
                )
        elif field.name.lower() in names:
            raise UsageError(
                f"{where} has a column {names[field.name.lower()]}; {field.name} differs from it "
                f"in nothing but case: carry it under another name"
            )
        else:
            new.append(field)
    return new


def _shown(kind: pa.DataType) -> str:
    return str(kind).replace("large_", "")


def _is_list(kind: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests)


def _is_string(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)


def _is_binary(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
        pa.types.is_fixed_size_binary,
    )
    return any(test(kind) for test in tests)
