"""WriteLabels: a scored Table -> one finished Parquet file with its statistics.

A finished file is a checkpoint: it is there whole or not at all, its name says which piece of the
corpus it is, and writing it twice gives the same rows.
"""

import json
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.metrics import Metrics

from pipeline import layout, storage
from pipeline.corpus.documents import CARRIED, METADATA_KEY, piece_of
from pipeline.corpus.plan import Plan, load_plan
from pipeline.quality.stats import Stats, table_stats
from pipeline.worker.failures import failures_told
from pipeline.worker.watchdog import worker_name

COMPRESSION = "zstd"


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


def write_table(table: pa.Table, plan: Plan, work: str, stats: Stats | None = None) -> str:
    """Writes one finished file.

    Args:
        table: with the columns of the documents and of the scores.
        plan: what the output looks like.
        work: the folder to write to.
        stats: the Table's statistics, if they are known already.

    Returns:
        The file's name.
    """
    piece = piece_of(table)
    stats = stats or table_stats(table, plan.settings["max_tokens"])
    source = pa.DictionaryArray.from_arrays(
        pa.array([0] * table.num_rows, pa.int32()), [piece.source]
    )
    schema = plan.output_schema()
    carried = {name for name in table.column_names if name.startswith(CARRIED)}
    columns = {
        **{name: table[name] for name in table.column_names if name not in carried},
        **{name.removeprefix(CARRIED): table[name] for name in carried},
        "source": source,
    }
    metadata = {"stats": stats, "bad_file": piece.bad_file, **plan.origin()}
    schema = schema.with_metadata({METADATA_KEY: json.dumps(metadata)})
    output = pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
    with storage.writing(storage.join(work, piece.file_name)) as stream:
        pq.write_table(output, stream, compression=COMPRESSION)
    return piece.file_name


def read_stats(path: str) -> tuple[Stats, str | None, int]:
    """Reads a finished file's footer.

    Returns:
        Its statistics, why its source could not be read further (if so), and how many rows the
        file itself holds.
    """
    with storage.open_input(path) as stream:
        footer = pq.read_metadata(stream)
    metadata = json.loads(footer.metadata[METADATA_KEY])
    return metadata["stats"], metadata["bad_file"], footer.num_rows
