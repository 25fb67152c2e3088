"""One type for each column in use, settled over all the inputs."""

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.corpus.documents import DICTIONARY, PROBABILITIES
from pipeline.corpus.nested import inside_out, is_list
from pipeline.corpus.sources import Columns, Facts
from pipeline.errors import UsageError

MANTISSA_BITS = {16: 11, 32: 24, 64: 53}  # whole numbers that a float of so many bits holds

Inputs = list[tuple[str, Facts]]  # path, and what is in it


def unite(inputs: Inputs, columns: Columns) -> dict[str, pa.DataType]:
    """Settles one type for each column in use; widths of strings and numbers are widened.

    A column that is only carried stays a dictionary of strings if every input has it so. Columns
    that are nothing but text or the true label are strings.

    Raises:
        UsageError: if two inputs clash, a text column holds no text, the true label is none, or
            Parquet has no place for a carried column.
    """
    types: dict[str, pa.DataType] = {}
    first: dict[str, str] = {}
    for path, facts in inputs:
        for name in columns.names():
            column_type = facts.type_of(name)
            if column_type is None:
                continue
            if name == columns.probabilities:
                types[name] = PROBABILITIES
                continue
            if name in columns.text:
                _check_text(path, name, column_type)
            if name == columns.gold:
                _check_label(path, name, column_type)
            if name != columns.id and name not in columns.carried():
                continue
            kind = _plain_type(column_type)
            known = types.setdefault(name, kind)
            try:
                types[name] = wider(known, kind)
            except pa.ArrowException as error:
                raise UsageError(_clash(name, known, first[name], kind, path)) from error
            if types[name] != known or name not in first:
                first[name] = path
    for name in columns.carried() - {columns.id, *columns.text, columns.gold}:
        if types.get(name) == pa.string() and _are_dictionaries(inputs, name):
            types[name] = DICTIONARY
    for name, kind in types.items():
        _check_storable(first.get(name, ""), name, kind)
    return {name: types.get(name, pa.string()) for name in columns.names()}


def _clash(name: str, one: pa.DataType, first: str, other: pa.DataType, second: str) -> str:
    kinds = (one, other)
    hint = "give them one type, or score them in runs of their own"
    doubles = [path for kind, path in ((one, first), (other, second)) if pa.types.is_floating(kind)]
    if doubles and any(map(pa.types.is_integer, kinds)):
        hint += (
            f"; pandas writes whole numbers with gaps as double: write {doubles[0]} again after "
            f".astype({{{name!r}: 'Int64'}})"
        )
    return (
        f"the inputs clash: column {name} is {one} in {first} and {other} in {second}, "
        f"and no type holds the values of both: {hint}"
    )


def _are_dictionaries(inputs: Inputs, name: str) -> bool:
    """Whether a column is a dictionary in every input that has it."""
    kinds = [facts.type_of(name) for _, facts in inputs]
    return all(pa.types.is_dictionary(kind) for kind in kinds if kind is not None)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """Strings of any width or encoding are one type; Arrow has next to nothing for some types."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if isinstance(kind, pa.FixedShapeTensorType):
        return kind.storage_type  # a list of numbers
    return inside_out(kind, _stored)


def _stored(kind: pa.DataType) -> pa.DataType:
    """The type that Parquet gives back for one which it takes but hasn't got; nor Arrow for views.

    A part's schema must be that of the checkpoints it is made of, which have been through Parquet.
    """
    types = pa.types
    if types.is_string_view(kind):
        return pa.string()
    if types.is_binary_view(kind):
        return pa.binary()
    if types.is_date64(kind):
        return pa.date32()
    if types.is_time32(kind):
        return pa.time32("ms")
    if types.is_timestamp(kind) and kind.unit == "s":
        return pa.timestamp("ms", kind.tz)
    return kind


def _is_text(kind: pa.DataType) -> bool:
    """Whether values are text, also in a file that doesn't say so: bad bytes are rows' errors."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)


def _check_text(path: str, name: str, kind: pa.DataType) -> None:
    if not _is_text(kind.value_type if is_list(kind) else kind):
        raise UsageError(f"column {name} of {path} holds no text but {kind}")


def _check_label(path: str, name: str, kind: pa.DataType) -> None:
    wrong = UsageError(f"column {name} of {path} holds no labels but {kind}")
    if pa.types.is_nested(kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind):
        raise wrong
    try:
        if not _is_text(kind):
            pa.array([], kind).cast(pa.string())
    except pa.ArrowException as error:
        raise wrong from error


def _check_storable(path: str, name: str, kind: pa.DataType) -> None:
    """Sees to it that Parquet, which is what comes out, takes a type."""
    schema = pa.schema([(name, kind)])
    try:
        pq.write_table(schema.empty_table(), pa.BufferOutputStream())
    except (pa.ArrowException, NotImplementedError) as error:
        raise UsageError(
            f"column {name} of {path} is {kind}, which Parquet cannot hold; leave it out"
        ) from error
    try:
        pa.nulls(1, kind).take(pa.array([0]))
    except (pa.ArrowException, NotImplementedError) as error:  # list views of string views, say
        raise UsageError(
            f"column {name} of {path} is {kind}, which Arrow has no functions for; leave it out"
        ) from error


def wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type that holds all values of both as they are.

    Raises:
        ArrowTypeError: if there is none.
    """
    schemas = [pa.schema([("x", kind)]) for kind in (one, other)]
    united = pa.unify_schemas(schemas, promote_options="permissive").field("x").type
    for kind in (one, other):
        if not _holds(united, kind):
            raise pa.ArrowTypeError(f"{united} does not hold all of {kind}")
    return united


def _holds(wide: pa.DataType, narrow: pa.DataType) -> bool:
    types = pa.types
    if wide == narrow or types.is_null(narrow):
        return True
    if types.is_integer(narrow):
        signed = types.is_signed_integer(narrow)
        bits = narrow.bit_width - signed
        if types.is_integer(wide):
            return bits <= wide.bit_width - types.is_signed_integer(wide)
        return types.is_floating(wide) and bits <= MANTISSA_BITS[wide.bit_width]
    if types.is_timestamp(narrow) or types.is_duration(narrow):
        return wide.unit != "ns"  # which ends in 2262, and 9999 is a common date
    if types.is_struct(narrow):
        inner = {field.name: field.type for field in wide}
        return all(_holds(inner[field.name], field.type) for field in narrow)
    if types.is_map(narrow):
        pairs = ((wide.key_type, narrow.key_type), (wide.item_type, narrow.item_type))
        return all(_holds(*pair) for pair in pairs)
    if is_list(narrow):
        return is_list(wide) and _holds(wide.value_type, narrow.value_type)
    return True  # strings, bytes, floats, decimals, dates and times are only widened
