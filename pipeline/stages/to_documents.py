"""What a format yields -> documents: text, id, label and carried columns, errors of rows."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.documents import BLANK, CARRIED, ENCODING, PROBABILITIES
from pipeline.corpus.nested import is_list
from pipeline.corpus.sources import AS_TEXT, Columns, Rows, Source
from pipeline.errors import BadFileError


def to_documents(
    stretch: Rows, columns: Columns, schema: pa.Schema, source: Source, start: int
) -> pa.Table:
    """Turns columns of the corpus into documents.

    Args:
        stretch: the columns in use, under the corpus' names, and the rows' errors.
        columns: what each column is for.
        schema: the schema of the result; what `columns` lacks of it is null.
        source: where the rows come from.
        start: the number of the first row in it.

    Returns:
        A Table of `schema`; `text` is null exactly where `error` is set.

    Raises:
        BadFileError: if probabilities are not those of the source's labels.
    """
    count = stretch.num_rows
    error = stretch.error if stretch.error is not None else pa.nulls(count, pa.string())
    wanted = {name: schema.field(CARRIED + new).type for name, new in columns.carry}
    if columns.id:
        wanted[columns.id] = schema.field("id").type
    if columns.probabilities:
        wanted[columns.probabilities] = PROBABILITIES
    checked: dict[str, pa.Array] = {}
    texts: list[pa.Array] = []
    for name in columns.names():
        if name in wanted:
            checked[name], bad = as_type(stretch.table.column(name), wanted[name])
            error = _encoding_errors(error, bad, name)
        if name == columns.gold:
            gold, bad = as_type(stretch.table.column(name), pa.string())
            error = _encoding_errors(error, bad, name)
    for name in columns.text:
        has_own = AS_TEXT + name in stretch.table.column_names
        text, bad = as_text(stretch.table.column(AS_TEXT + name if has_own else name))
        texts.append(text)
        error = _encoding_errors(error, bad, name)
    text = pc.binary_join_element_wise(*texts, " ", null_handling="replace", null_replacement="")
    is_blank = pc.equal(pc.utf8_trim_whitespace(text), "")
    detail = f"{BLANK}: no text in {', '.join(columns.text)}"
    error = pc.if_else(pc.and_(is_blank, pc.is_null(error)), detail, error)
    text = pc.if_else(pc.is_null(error), text, pa.scalar(None, pa.string()))
    numbers = pa.array(np.arange(start, start + count))
    values = {CARRIED + name: checked[column] for column, name in columns.carry}
    values |= {"text": text, "error": error, "source_row": numbers}
    if columns.id:
        values["id"] = checked[columns.id]
    else:
        name = f"{source.path}#"
        values["id"] = pc.binary_join_element_wise(name, numbers.cast(pa.string()), "")
    if columns.gold:
        values["gold"] = gold
    if columns.probabilities:
        values["probabilities"] = in_order(checked[columns.probabilities], source)
    arrays = [values.get(field.name, pa.nulls(count, field.type)) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _encoding_errors(error: pa.Array, bad: pa.Array | None, name: str) -> pa.Array:
    """The rows' errors, with one more for those that are bad and have none."""
    if bad is None:
        return error
    detail = f"{ENCODING}: column {name} is not UTF-8"
    return pc.if_else(pc.and_(bad, pc.is_null(error)), detail, error)


def in_order(probabilities: pa.Array, source: Source) -> pa.Array:
    """A teacher's probabilities in the order of its labels' sorted names.

    Args:
        probabilities: list of float32 [rows], as they stand in the source; some null.
        source: says which labels they are of.

    Raises:
        BadFileError: if a list is of another length, or holds something else than probabilities.
    """
    labels = source.labels or ()
    known = probabilities.drop_null()
    flat = known.flatten().to_numpy(zero_copy_only=False)
    lengths = pc.list_value_length(known).to_numpy(zero_copy_only=False)
    if (lengths != len(labels)).any() or not ((flat >= 0) & (flat <= 1)).all():
        raise BadFileError(
            source.path, f"its footer names {len(labels)} labels, and a row has no such list"
        )
    order = sorted(range(len(labels)), key=lambda place: labels[place])
    ordered = pa.array(flat.reshape(-1, len(labels))[:, order].reshape(-1), pa.float32())
    present = probabilities.is_valid().to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(present * len(labels))]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), ordered)
    return pc.if_else(probabilities.is_valid(), lists, pa.scalar(None, PROBABILITIES))


def as_text(column: pa.ChunkedArray) -> tuple[pa.Array, pa.Array | None]:
    """Strings, or bytes, or lists of them, of which each value is joined by line breaks.

    Returns:
        Strings, with null for bad values, and which they are, as `as_type` does.
    """
    if not is_list(column.type):
        return as_type(column, pa.string())
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    parents = np.repeat(np.arange(len(column)), lengths)
    lines, bad = as_type(pc.list_flatten(column), pa.string())
    there = lines.is_valid().to_numpy(zero_copy_only=False)  # a join with a null in it is null
    ends = np.cumsum(np.bincount(parents[there], minlength=len(column)))
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32())
    is_bad = None
    is_null = column.is_null().to_numpy()
    if bad is not None:
        bad_parents = parents[bad.to_numpy(zero_copy_only=False)]
        is_bad = pa.array(np.bincount(bad_parents, minlength=len(column)) > 0)
    lists = pa.ListArray.from_arrays(offsets, lines.drop_null(), mask=pa.array(is_null))
    text = pc.binary_join(lists, "\n")
    return (text if is_bad is None else pc.if_else(is_bad, None, text)), is_bad


def as_type(
    column: pa.Array | pa.ChunkedArray, kind: pa.DataType
) -> tuple[pa.Array, pa.Array | None]:
    """Casts a column, and finds the values whose bytes are no UTF-8 (no reader checks them).

    Returns:
        The column, with null for bad values, and which they are; None if none is.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # what combine_chunks makes of no chunks
        array = pa.array([], kind)
    try:
        array.validate(full=True)
        return (array if array.type == kind else array.cast(kind)), None
    except (pa.ArrowInvalid, UnicodeDecodeError):
        pass
    if pa.types.is_dictionary(array.type):  # each of its slices has the whole dictionary
        array = array.dictionary_decode()
    values, bad = [], []
    for index in range(len(array)):
        value = array.slice(index, 1)
        try:
            value.validate(full=True)
            values.append(value.cast(kind))
            bad.append(False)
        except pa.ArrowInvalid:
            values.append(pa.nulls(1, kind))
            bad.append(True)
    return pa.concat_arrays(values), pa.array(bad)
