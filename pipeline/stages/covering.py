"""MakeLabelSets: a scored shard -> the same with `label_set`, as `--coverage` asks for it."""

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from model.label_sets import label_sets
from pipeline.corpus.documents import LABEL_SET, Shard
from pipeline.stages.context import RunContext
from pipeline.stages.stage import StageDoFn


@dataclass
class MakeLabelSets(beam.PTransform):
    """Scored shard -> the same with the labels that probably contain the true one."""

    context: RunContext

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(_MakeLabelSets(self.context))


class _MakeLabelSets(StageDoFn):
    def load(self) -> None:
        self._labels = self.context.bundle().labels
        self._least = self.context.least_probability()

    def run(self, shard: Shard) -> Iterator[Shard]:
        yield shard.becomes(add_label_sets(shard.table, self._labels, self._least))


def add_label_sets(table: pa.Table, labels: tuple[str, ...], least: float) -> pa.Table:
    """Adds `label_set` (list of string), null where there are no probabilities.

    Args:
        table: with `probabilities` (list of float32).
        labels: the names of the labels, in the order of the probabilities.
        least: from which probability on a label is in its row's set; the most probable one always
            is, and comes first.
    """
    probabilities = table["probabilities"].combine_chunks()
    is_scored = probabilities.is_valid().to_numpy(False)
    flat = probabilities.flatten().to_numpy().reshape(-1, len(labels))
    numbers, sizes = label_sets(flat, least)
    of_rows = np.zeros(len(is_scored), np.int32)
    of_rows[is_scored] = sizes
    offsets = np.concatenate([[0], np.cumsum(of_rows)]).astype(np.int32)
    names = pa.array(labels, pa.string()).take(pa.array(numbers))
    sets = pa.ListArray.from_arrays(pa.array(offsets), names, mask=pa.array(~is_scored))
    return table.append_column("label_set", sets.cast(LABEL_SET))
