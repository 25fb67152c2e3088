"""ReadDocuments: a work item -> numbered shards of documents."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa

from pipeline.corpus.documents import Shard, document_schema
from pipeline.corpus.fingerprint import check_unchanged
from pipeline.corpus.formats.registry import FORMATS
from pipeline.corpus.planning.pieces import read_part
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.saved_plan import stream_items
from pipeline.corpus.sources import Columns, Rows, Source, WorkItem
from pipeline.corpus.tables.view import read_view
from pipeline.errors import BadFileError
from pipeline.output.checkpoints import finished_of, whole
from pipeline.output.counts import settled_items
from pipeline.patience import is_read_error
from pipeline.stages.context import RunContext
from pipeline.stages.stage import StageDoFn, milliseconds_since, run_of
from pipeline.stages.to_documents import to_documents
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
        run = run_of(begin, self.context)
        return run | "Items" >> beam.FlatMap(_items) | "ShareOut" >> beam.Reshuffle()


def _items(context: RunContext) -> Iterator[tuple[Source, WorkItem]]:
    return settled_items(stream_items(context.plan_path), context.work)


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
    stretches = _unchanged(source, _rows(plan, source, item, columns))
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


def _rows(plan: Plan, source: Source, item: WorkItem, columns: Columns) -> Iterator[Rows]:
    """What a source's format reads; of a table's file, as the table sees it."""
    if source.view is None:
        return read_part(source, item, columns, plan.reading)

    def read(start: int, rows: int | None, wanted: Columns) -> Iterator[Rows]:
        reader = FORMATS[source.format].reader
        return reader.read(source.path, start, rows, wanted, plan.reading, source.size)

    return read_view(source.view, read, item.start, item.rows, columns)


def _unchanged(source: Source, stretches: Iterator[Rows]) -> Iterator[Rows]:
    """Holds a source against its fingerprint before and after it is read."""
    check_unchanged(source)
    yield from stretches
    check_unchanged(source)


def _until_bad(stretches: Iterator[Rows], bad: list[str]) -> Iterator[Rows]:
    """Ends where the file can't be read on, and notes why.

    Not where the disk or the store has failed, which may be otherwise at the next try: rows up to
    there would count as the whole file for ever.
    """
    try:
        yield from stretches
    except BadFileError as error:
        if is_read_error(error.__cause__):
            raise
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
