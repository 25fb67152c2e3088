"""SelectLanguages: what languages a corpus is in, and rows in others than those wanted left out."""

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam

from pipeline.corpus.documents import Shard
from pipeline.corpus.languages import leave_out, sample
from pipeline.stages.context import RunContext
from pipeline.stages.stage import StageDoFn, milliseconds_since


@dataclass
class SelectLanguages(beam.PTransform):
    """Shard of documents -> the same, with rows in languages that nobody wants in error."""

    context: RunContext

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(_SelectLanguages(self.context))


class _SelectLanguages(StageDoFn):
    def load(self) -> None:
        self._wanted = frozenset(self.context.plan.settings.get("languages", ()))

    def run(self, shard: Shard) -> Iterator[Shard]:
        started = time.perf_counter()
        if self._wanted:
            table, languages = leave_out(shard.table, self._wanted)
        else:
            table, languages = shard.table, sample(shard.table)
        measured = self.measure(language_ms=milliseconds_since(started))
        yield dataclasses.replace(shard.becomes(table, **measured), languages=languages)
