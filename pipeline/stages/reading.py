"""ReadDocuments: a work item -> numbered shards of documents."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.documents import (
    AS_TEXT,
    BLANK,
    CARRIED,
    ENCODING,
    PROBABILITIES,
    Columns,
    Rows,
    Shard,
    Source,
    WorkItem,
    document_schema,
)
from pipeline.corpus.fingerprint import check_unchanged
from pipeline.corpus.formats.registry import FORMATS
from pipeline.corpus.nested import is_list
from pipeline.corpus.plan import Plan, stream_items
from pipeline.errors import BadFileError
from pipeline.output.checkpoints import finished_of, whole
from pipeline.stages.context import RunContext
from pipeline.stages.stage import StageDoFn, milliseconds_since
from pipeline.worker.watchdog import register_worker

TABLE_BYTES = 64 << 20  # a Table is cut here even if it has few rows: one may hold megabytes


@dataclass
class PlanItems(beam.PTransform):
    """The plan -> its work items, each with its source, shared out over all workers.

    So nobody but the one who hands them out reads them all. Where something must be done before,
    that gives the run on when it is.
    """

    context: RunContext

    def expand(self, begin: beam.pvalue.PBegin | beam.PCollection) -> beam.PCollection:
        if isinstance(begin, beam.pvalue.PBegin):
            begin |= "Run" >> beam.Create([self.context], reshuffle=False)
        return begin | "Items" >> beam.FlatMap(_items) | "ShareOut" >> beam.Reshuffle()


def _items(context: RunContext) -> Iterator[tuple[Source, WorkItem]]:
    return stream_items(context.plan_path)


@dataclass
class ReadDocuments(beam.PTransform):
    """Source and work item -> shards of at most `shard_rows` documents, numbered within the item.

    Those whose checkpoint lies in the work folder already are passed over: what a resumed run and
    a runner's retry have in common.
    """

    context: RunContext

    def expand(self, items: beam.PCollection) -> beam.PCollection:
        return items | beam.ParDo(_ReadDocuments(self.context))


class _ReadDocuments(StageDoFn):
    def load(self) -> None:
        register_worker(self.context.work)

    def run(self, element: tuple[Source, WorkItem]) -> Iterator[Shard]:
        source, item = element
        finished = finished_of(self.context.work, item.number)
        if whole(finished):
            return
        skip = self.context.skip_bad_files
        for shard in read_source(self.context.plan, source, item, skip):
            self.measure(read_ms=shard.counts["read_ms"])
            if shard.file_name not in finished:
                yield shard


def read_item(plan: Plan, item: WorkItem, skip_bad_files: bool = False) -> Iterator[Shard]:
    """Reads one work item of a plan: see `read_source`."""
    yield from read_source(plan, plan.sources[item.source], item, skip_bad_files)


def read_source(
    plan: Plan, source: Source, item: WorkItem, skip_bad_files: bool = False
) -> Iterator[Shard]:
    """Reads a work item's part of its source.

    Yields:
        Shards of documents (`document_schema`).

    Raises:
        BadFileError: if the source can't be read to the item's end, unless such files are to be
            listed and passed over.
    """
    columns = plan.columns.of(is_teachers=source.labels is not None)
    schema = document_schema(plan.schema, plan.columns)
    stretches = _unchanged(
        source,
        FORMATS[source.format].reader.read(
            source.path, item.start, item.rows, columns, plan.reading, source.size
        ),
    )
    bad: list[str] = []
    if skip_bad_files:
        stretches = _until_bad(stretches, bad)
    documents = _documents(stretches, columns, schema, source, item.start)
    tables = _cut(documents, plan.reading.shard_rows)
    number = 0
    started = time.perf_counter()
    current = next(tables, schema.empty_table())
    while True:
        following = next(tables, None)
        last = following is None
        counts = {"read_ms": milliseconds_since(started)}
        reason = bad[0] if bad and last else None
        yield Shard(current, item.number, number, last, source.path, reason, counts)
        if following is None:
            return
        current, number, started = following, number + 1, time.perf_counter()


def _unchanged(source: Source, stretches: Iterator[Rows]) -> Iterator[Rows]:
    """Holds a source against its fingerprint before and after it is read."""
    check_unchanged(source)
    yield from stretches
    check_unchanged(source)


def _until_bad(stretches: Iterator[Rows], bad: list[str]) -> Iterator[Rows]:
    """Ends where the file can't be read on, and notes why."""
    try:
        yield from stretches
    except BadFileError as error:
        bad.append(error.reason)


def _documents(
    stretches: Iterable[Rows], columns: Columns, schema: pa.Schema, source: Source, start: int
) -> Iterator[pa.Table]:
    """Turns what a format yields into documents; `start` is the number of the first row."""
    for stretch in stretches:
        documents = to_documents(stretch, columns, schema, source, start)
        start += documents.num_rows
        yield documents


def _cut(stretches: Iterable[pa.Table], most: int) -> Iterator[pa.Table]:
    """Cuts documents into Tables of `most` rows (or `TABLE_BYTES` bytes)."""
    pending: list[pa.Table] = []
    rows = size = 0
    for documents in stretches:
        while documents.num_rows:
            part = documents.slice(0, most - rows)
            documents = documents.slice(part.num_rows)
            pending.append(part)
            rows, size = rows + part.num_rows, size + part.nbytes
            if rows >= most or size >= TABLE_BYTES:
                yield pa.concat_tables(pending).combine_chunks()
                pending, rows, size = [], 0, 0
    if pending:
        yield pa.concat_tables(pending).combine_chunks()


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
