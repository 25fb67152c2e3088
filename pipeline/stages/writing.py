"""WriteLabels: a scored shard -> its checkpoint."""

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam

from pipeline import layout, storage
from pipeline.corpus.documents import Shard
from pipeline.output.checkpoints import write_checkpoint
from pipeline.quality.stats import shard_stats
from pipeline.stages.context import RunContext
from pipeline.stages.stage import StageDoFn
from pipeline.worker.watchdog import worker_name


@dataclass
class WriteLabels(beam.PTransform):
    """Scored shard -> the name of its checkpoint in the work folder."""

    context: RunContext

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(_WriteLabels(self.context))


class _WriteLabels(StageDoFn):
    def load(self) -> None:
        work = self.context.work
        self._session = storage.read_json(storage.join(work, layout.STARTED))["time"]
        self._worker = worker_name()

    def run(self, shard: Shard) -> Iterator[str]:
        plan = self.context.plan
        settings = plan.settings
        stats = shard_stats(
            shard,
            settings["max_tokens"],
            self._session,
            self._worker,
            settings.get("window_stride"),
        )
        yield write_checkpoint(shard, plan, self.context.work, stats)
        self.measure(
            rows_labelled=stats["labelled"],
            rows_in_error=stats["rows"] - stats["labelled"],
            rows_truncated=stats["truncated"],
            **{f"rows_in_error_{code}": rows for code, rows in stats["errors"].items()},
        )
