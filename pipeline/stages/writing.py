"""WriteLabels: a scored Table -> its checkpoint."""

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics import Metrics

from pipeline import layout, storage
from pipeline.corpus.plan import load_plan
from pipeline.output.checkpoints import write_table
from pipeline.quality.stats import Stats, table_stats
from pipeline.worker.failures import failures_told
from pipeline.worker.watchdog import worker_name


class WriteLabels(beam.PTransform):
    """Scored Table -> name of its finished file in the work folder."""

    def __init__(self, plan_path: str, work: str):
        self._plan_path = plan_path
        self._work = work

    def expand(self, tables: beam.PCollection) -> beam.PCollection:
        return tables | beam.ParDo(_WriteLabels(self._plan_path, self._work))


class _WriteLabels(beam.DoFn):
    def __init__(self, plan_path: str, work: str):
        self._plan_path = plan_path
        self._work = work

    def setup(self) -> None:
        self._plan = load_plan(self._plan_path)
        self._session = storage.read_json(storage.join(self._work, layout.STARTED))["time"]
        self._worker = worker_name()

    def process(self, table: pa.Table) -> Iterator[str]:
        with failures_told(self._work):
            most = self._plan.settings["max_tokens"]
            stats = table_stats(table, most, self._session, self._worker)
            name = write_table(table, self._plan, self._work, stats)
            _count(stats)
            yield name


def _count(stats: Stats) -> None:
    """Adds to the runner's own counters, under the names that the statistics have."""
    Metrics.counter("newsbeam", "rows_labelled").inc(stats["labelled"])
    Metrics.counter("newsbeam", "rows_in_error").inc(stats["rows"] - stats["labelled"])
    Metrics.counter("newsbeam", "rows_truncated").inc(stats["truncated"])
    for code, rows in stats["errors"].items():
        Metrics.counter("newsbeam", f"rows_in_error_{code}").inc(rows)
