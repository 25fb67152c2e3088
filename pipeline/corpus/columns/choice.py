"""Which columns of the corpus are used: what a person asked for, held against what there is."""

import difflib
from collections.abc import Sequence

import pyarrow as pa

from pipeline.corpus.columns.names import ALL, Carried, as_written, shown
from pipeline.corpus.documents import document_schema, output_schema
from pipeline.corpus.sources import Columns, Facts
from pipeline.errors import UsageError

SHOWN_NAMES = 30  # of the columns that there are, where one is missing
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def choose_columns(
    inputs: list[tuple[str, Facts]],
    text: list[str],
    id_column: str | None,
    carry: list[Carried],
    gold: str | None,
    extra: Sequence[str] = (),
    probabilities: str | None = None,
) -> Columns:
    """Checks what a person asked for against what the inputs have.

    An input whose schema is empty (a text file of no rows) has nothing to say.

    Args:
        inputs: path of each input, and what is in it.
        text: the text columns.
        id_column: the id column, if any.
        carry: columns to copy; `all` takes every column but the id.
        gold: the column with the true label, if any.
        extra: columns that this run's output has, and not every run's.
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
    _check_names([name for _, name in pairs], extra)
    return columns


def _carry_pairs(
    schemas: list[pa.Schema], carry: list[Carried], id_column: str | None
) -> list[tuple[str, str]]:
    pairs = [entry for entry in carry if entry != ALL]
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


def _check_names(names: list[str], extra: Sequence[str]) -> None:
    taken = output_schema(document_schema({}, Columns(())), extra).names
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
