"""Which columns of the corpus are used, and of which types, settled over all its inputs."""

import difflib
import json

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.corpus.column_names import as_written, pair, shown
from pipeline.corpus.documents import (
    DICTIONARY,
    METADATA_KEY,
    PROBABILITIES,
    Columns,
    Facts,
    document_schema,
    output_schema,
)
from pipeline.corpus.nested import is_list
from pipeline.errors import UsageError

ALL = "all"
SHOWN_NAMES = 30  # of the columns that there are, where one is missing
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
MANTISSA_BITS = {16: 11, 32: 24, 64: 53}  # whole numbers that a float of so many bits holds


Inputs = list[tuple[str, Facts]]  # path, and what is in it


def choose_columns(
    inputs: Inputs,
    text: list[str],
    id_column: str | None,
    carry: list[str],
    gold: str | None,
    cascade: bool = False,
    probabilities: str | None = None,
) -> Columns:
    """Checks what a person asked for against what the inputs have.

    An input whose schema is empty (a text file of no rows) has nothing to say.

    Args:
        inputs: path of each input, and what is in it.
        text: the text columns.
        id_column: the id column, if any.
        carry: `name`, `name:new_name`, or `all`, which takes every column but the id.
        gold: the column with the true label, if any.
        cascade: whether the output says which model decided.
        probabilities: the column with a teacher's probabilities, if any. An input that has it
            needs no column with the true label.

    Raises:
        UsageError: for a column that is missing or doubled, no text, or a name that is taken.
    """
    if not text:
        raise UsageError("no text columns; name them with --text_columns")
    known = [(path, facts) for path, facts in inputs if len(facts.schema)]
    pairs = _carry_pairs([facts.schema for _, facts in known], carry, id_column)
    columns = Columns(tuple(text), id_column, tuple(pairs), gold, probabilities)
    for path, facts in known:
        for name in columns.of(probabilities in facts.schema.names).names():
            _check_column(path, facts, name)
    if probabilities and known and not any(probabilities in f.schema.names for _, f in known):
        raise UsageError(f"no input has a column {probabilities}")
    _check_names([name for _, name in pairs], cascade)
    return columns


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
    if any(map(pa.types.is_integer, kinds)) and any(map(pa.types.is_floating, kinds)):
        hint = f"{hint}; pandas writes whole numbers with gaps as double (its Int64 keeps them)"
    return (
        f"the inputs clash: column {name} is {one} in {first} and {other} in {second}, "
        f"and no type holds the values of both: {hint}"
    )


def teachers_labels(path: str, schema: pa.Schema, column: str | None) -> tuple[str, ...] | None:
    """The names of a teacher's labels, in the order of its probabilities.

    Args:
        path: of the input.
        schema: its columns, and the metadata that scoring has written.
        column: with the probabilities, if there are any.

    Returns:
        The names; None for an input without the column.

    Raises:
        UsageError: if the column holds something else, or nothing names its labels.
    """
    if column is None or column not in schema.names:
        return None
    kind = schema.field(column).type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not is_list or not pa.types.is_floating(kind.value_type):
        raise UsageError(f"column {column} of {path} holds no lists of probabilities but {kind}")
    try:
        names = json.loads((schema.metadata or {})[METADATA_KEY])["labels"]
    except (KeyError, ValueError):
        raise UsageError(
            f"{path} does not name the labels of its {column}: score those texts again; "
            "a file that python -m pipeline.score writes has the names in its footer"
        ) from None
    return tuple(names)


def check_teachers(labels: list[tuple[str, tuple[str, ...] | None]]) -> None:
    """Checks that all teachers have the same labels, in whatever order.

    Args:
        labels: path and, of a teacher's, the names of its labels.

    Raises:
        UsageError: for the first that has others.
    """
    known = [(path, names) for path, names in labels if names is not None]
    for path, names in known[1:]:
        first = known[0][1]
        if sorted(names) != sorted(first):
            raise UsageError(
                f"the inputs clash: {known[0][0]} has probabilities of {', '.join(first)}, "
                f"{path} of {', '.join(names)}"
            )


def _are_dictionaries(inputs: Inputs, name: str) -> bool:
    """Whether a column is a dictionary in every input that has it."""
    kinds = [facts.type_of(name) for _, facts in inputs]
    return all(pa.types.is_dictionary(kind) for kind in kinds if kind is not None)


def _carry_pairs(
    schemas: list[pa.Schema], carry: list[str], id_column: str | None
) -> list[tuple[str, str]]:
    pairs = [pair(entry) for entry in carry if entry != ALL]
    if ALL not in carry:
        return pairs
    renamed = dict(pairs)  # one that is in no schema lies in another, or is reported as missing
    names = dict.fromkeys([*(name for schema in schemas for name in schema.names), *renamed])
    return [(name, renamed.get(name, name)) for name in names if name != id_column]


def _check_column(path: str, facts: Facts, name: str) -> None:
    names = facts.schema.names
    count = names.count(name)
    if count > 1:
        raise UsageError(f"{path} has {count} columns called {name}")
    if count == 0 and facts.type_of(name) is None:
        close = difflib.get_close_matches(name, [*names, *facts.inner], n=1)
        hint = f"; did you mean {shown(close, 1)}?" if close else _separator_hint(name, names)
        listed = shown(names, SHOWN_NAMES)
        raise UsageError(f"no column {shown([name], 1)} in {path}, it has {listed}{hint}")


def _separator_hint(name: str, names: list[str]) -> str:
    """Of a CSV file whose fields are separated by something else, which has one long column."""
    for sign, called in SEPARATORS.items():
        if any(name in [part.strip(' "') for part in one.split(sign)] for one in names):
            return f"; its fields seem to be separated by {called}, newsbeam reads commas"
    return ""


def _check_names(names: list[str], cascade: bool) -> None:
    taken = output_schema(document_schema({}, Columns(())), cascade).names
    for name in names:
        if name == "id":
            raise UsageError("the output has a column id of its own; make it yours: --id_column id")
        if name in taken:
            raise UsageError(
                f"the output has a column {name} of its own; "
                f"carry yours under another name: --carry_columns {name}:{name}_in"
            )
        if names.count(name) > 1:
            name = as_written(name)
            raise UsageError(f"two carried columns would be called {name}; rename one: {name}:NEW")


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
