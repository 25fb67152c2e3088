"""Which columns of the corpus are used, and of which types, settled over all its inputs."""

import difflib
import json

import pyarrow as pa

from pipeline.corpus.documents import (
    DICTIONARY,
    METADATA_KEY,
    PROBABILITIES,
    Columns,
    document_schema,
    output_schema,
)
from pipeline.errors import UsageError

ALL = "all"


def choose_columns(
    schemas: list[tuple[str, pa.Schema]],
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
        schemas: path and schema of each input.
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
    told = [(path, schema) for path, schema in schemas if len(schema)]
    pairs = _carry_pairs(told, carry, id_column)
    columns = Columns(tuple(text), id_column, tuple(pairs), gold, probabilities)
    for path, schema in told:
        for name in columns.of(probabilities in schema.names).names():
            _check_column(path, schema, name)
    if probabilities and told and not any(probabilities in schema.names for _, schema in told):
        raise UsageError(f"no input has a column {probabilities}")
    _check_names([name for _, name in pairs], cascade)
    return columns


def unite(schemas: list[tuple[str, pa.Schema]], columns: Columns) -> dict[str, pa.DataType]:
    """Settles one type for each column in use; widths of strings and numbers are widened.

    A column that is only carried stays a dictionary of strings if every input has it so.

    Raises:
        UsageError: if two inputs clash, or a text column holds no text.
    """
    types: dict[str, pa.DataType] = {}
    first: dict[str, str] = {}
    for path, schema in schemas:
        for name in columns.names():
            index = schema.get_field_index(name)
            if index < 0:
                continue
            if name == columns.probabilities:
                types[name] = PROBABILITIES
                continue
            kind = _plain_type(schema.field(index).type)
            if name in (*columns.text, columns.gold):
                kind = _text_type(path, name, kind, is_text=name in columns.text)
            known = types.setdefault(name, kind)
            first.setdefault(name, path)
            try:
                types[name] = _wider(known, kind)
            except pa.ArrowException as error:
                raise UsageError(
                    f"the inputs clash: column {name} is {known} in {first[name]} "
                    f"and {kind} in {path}"
                ) from error
    carried = {column for column, _ in columns.carry} - {columns.id, *columns.text, columns.gold}
    for name in carried & types.keys():
        if types[name] == pa.string() and _are_dictionaries(schemas, name):
            types[name] = DICTIONARY
    return {name: types.get(name, pa.string()) for name in columns.names()}


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
    told = [(path, names) for path, names in labels if names is not None]
    for path, names in told[1:]:
        first = told[0][1]
        if sorted(names) != sorted(first):
            raise UsageError(
                f"the inputs clash: {told[0][0]} has probabilities of {', '.join(first)}, "
                f"{path} of {', '.join(names)}"
            )


def _are_dictionaries(schemas: list[tuple[str, pa.Schema]], name: str) -> bool:
    """Whether a column is a dictionary in every input that has it."""
    kinds = [schema.field(name).type for _, schema in schemas if name in schema.names]
    return all(pa.types.is_dictionary(kind) for kind in kinds)


def _carry_pairs(
    schemas: list[tuple[str, pa.Schema]], carry: list[str], id_column: str | None
) -> list[tuple[str, str]]:
    renamed = dict(entry.split(":", 1) for entry in carry if ":" in entry)
    if ALL not in carry:
        return [
            (entry.split(":", 1)[0], renamed.get(entry.split(":", 1)[0], entry)) for entry in carry
        ]
    names = dict.fromkeys(name for _, schema in schemas for name in schema.names)
    unknown = [name for name in renamed if name not in names]
    if unknown:
        names.update(dict.fromkeys(unknown))  # is reported as missing, like any other
    return [(name, renamed.get(name, name)) for name in names if name != id_column]


def _check_column(path: str, schema: pa.Schema, name: str) -> None:
    count = schema.names.count(name)
    if count > 1:
        raise UsageError(f"{path} has {count} columns called {name}")
    if count == 0:
        close = difflib.get_close_matches(name, schema.names, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UsageError(f"no column {name} in {path}, it has {', '.join(schema.names)}{hint}")


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
            raise UsageError(f"two carried columns would be called {name}; rename one: {name}:NEW")


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """Strings of any width or encoding are one type."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return kind


def _text_type(path: str, name: str, kind: pa.DataType, is_text: bool) -> pa.DataType:
    if pa.types.is_string(kind) or pa.types.is_null(kind) or not is_text:
        return pa.string()
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.string()  # text in a file that doesn't say so; bad bytes become errors of rows
    raise UsageError(f"column {name} of {path} holds no text but {kind}")


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    schemas = [pa.schema([("x", kind)]) for kind in (one, other)]
    return pa.unify_schemas(schemas, promote_options="permissive").field("x").type
