"""CountRows: before anything is read, the rows of the pieces into which large files are cut.

So each piece knows its first row when it is read: see `corpus/planning/pieces.py`. What is counted
lies in the work folder, where a run that is continued, a retry, or another launcher find it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam

from pipeline.corpus.planning.pieces import count_piece, is_counted
from pipeline.corpus.planning.saved_plan import stream_items
from pipeline.corpus.sources import Source, WorkItem
from pipeline.output.counts import PieceCount, are_counted, save_counts
from pipeline.stages.context import RunContext
from pipeline.stages.stage import StageDoFn, run_of
from pipeline.worker.failures import report_failures
from pipeline.worker.watchdog import register_worker


@dataclass
class CountRows(beam.PTransform):
    """The pipeline's begin -> the run, once the counts lie in the work folder."""

    context: RunContext

    def expand(self, begin: beam.pvalue.PBegin | beam.PCollection) -> beam.PCollection:
        context = self.context
        return (
            run_of(begin, context)
            | "Uncounted" >> beam.FlatMap(_uncounted)
            | "ShareOut" >> beam.Reshuffle()
            | "Count" >> beam.ParDo(_Count(context))
            | "Together" >> beam.combiners.ToList()
            | "Save" >> beam.Map(_save, context)
        )


def _uncounted(context: RunContext) -> Iterator[tuple[Source, WorkItem]]:
    with report_failures(context.work):
        if not are_counted(context.work):
            pairs = stream_items(context.plan_path)
            yield from ((source, item) for source, item in pairs if is_counted(source, item))


class _Count(StageDoFn):
    def load(self) -> None:
        register_worker(self.context.work)

    def run(self, element: tuple[Source, WorkItem]) -> Iterator[PieceCount]:
        source, item = element
        rows, bad = count_piece(source, item, self.context.plan.reading)
        if bad is not None and not self.context.skip_bad_files:
            raise bad
        yield PieceCount(item.source, item.piece, rows, None if bad is None else bad.reason)


def _save(counts: list[PieceCount], context: RunContext) -> RunContext:
    with report_failures(context.work):
        if not are_counted(context.work):
            save_counts(counts, context.work)
    return context
