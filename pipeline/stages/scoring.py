"""ScoreDocuments: a shard with token ids -> the same with label, score and probabilities.

A Table is scored while the one before it is written and the one after it is read and tokenized.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.shared import Shared
from apache_beam.utils.windowed_value import WindowedValue

from model.bundle.load import Bundle
from model.engines import loading
from model.engines.choose import EngineChoice
from model.engines.scorer import Scorer
from pipeline.corpus.documents import Shard
from pipeline.stages.context import RunContext
from pipeline.stages.labelling import engine_errors, label_rows
from pipeline.stages.long_texts import LongTexts
from pipeline.stages.stage import StageDoFn, milliseconds_since
from pipeline.stages.tokenizing import tokenizer_of
from pipeline.worker.failures import report_failures


@dataclass
class ScoreDocuments(beam.PTransform):
    """Adds `label`, `score` and `probabilities` to each Table, and takes `token_ids` away."""

    context: RunContext

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(_ScoreDocuments(self.context))


class _ScoreDocuments(StageDoFn):
    def __init__(self, context: RunContext):
        super().__init__(context)
        self._shared = Shared()

    def load(self) -> None:
        bundle = self.context.bundle()
        self._labels = bundle.labels
        choice = self.context.engine()
        self._scorer = self._shared.acquire(lambda: load_scorer(bundle, choice))
        stride = self.context.stride(bundle)
        self._long_texts: LongTexts | None = None
        if stride is not None:
            self._long_texts = LongTexts(bundle, tokenizer_of(bundle), self._scorer, stride)
        self._ahead = ThreadPoolExecutor(1, "newsbeam-score")

    def start_bundle(self) -> None:
        self._under_way: Future | None = None

    def run(self, shard: Shard) -> Iterator[Shard]:
        earlier = self._under_way
        self._under_way = self._ahead.submit(self._score, shard)
        if earlier is not None:
            yield self._measured(earlier.result())

    def finish_bundle(self) -> Iterator[WindowedValue]:
        with report_failures(self.context.work):
            if self._under_way is not None:
                yield GlobalWindows.windowed_value(self._measured(self._under_way.result()))

    def teardown(self) -> None:
        self._ahead.shutdown(cancel_futures=True)

    def _score(self, shard: Shard) -> tuple[Shard, dict[str, float]]:
        started = time.perf_counter()
        table, counts = score_table(shard.table, self._scorer, self._labels)
        if self._long_texts is not None:
            table, more = self._long_texts(table)
            counts = {name: count + more.get(name, 0) for name, count in counts.items()}
        return shard.becomes(table), {**counts, "model_ms": milliseconds_since(started)}

    def _measured(self, scored: tuple[Shard, dict[str, float]]) -> Shard:
        """Reports to Beam what was counted, in the thread that Beam's counters belong to."""
        shard, counts = scored
        measured = self.measure(**counts, **self.took_to_load("model_load_ms"))
        if counts["batches"]:  # the mean of this Table
            self.measure(batch_rows=counts["scored_rows"] // counts["batches"])
        return shard.becomes(shard.table, **measured)


def load_scorer(bundle: Bundle, choice: EngineChoice) -> Scorer:
    """Loads a bundle's network with its engine and token budget.

    Raises:
        NewsbeamError: if this machine can't run it.
    """
    with engine_errors():
        return loading.load_scorer(bundle, choice)


def score_table(
    table: pa.Table, scorer: Scorer, labels: tuple[str, ...]
) -> tuple[pa.Table, dict[str, int]]:
    """Labels the rows of a Table, each different text once.

    Args:
        table: with `error` (string) and `token_ids` (dictionary of list of int32).
        scorer: the model.
        labels: the names of the labels, in the order of the probabilities.

    Returns:
        The Table without `token_ids`, with `label` (dictionary of string), `score` (float32) and
        `probabilities` (list of float32), null where there is an `error`; rows on which the model
        failed get one. And the counts `scored_rows` (different texts), `scored_tokens` (in them),
        `batches`, `padded_tokens` (with padding).

    Raises:
        NewsbeamError: if the engine has died; no row is to blame.
    """
    token_ids = table["token_ids"].combine_chunks()
    which = token_ids.indices  # number of the row's text among the different ones; null: no text
    texts = token_ids.dictionary
    values, offsets = texts.values.to_numpy(), texts.offsets.to_numpy()
    with engine_errors():
        scores, failures, counts = scorer.score(values, offsets, len(labels))
    return (
        label_rows(table.drop_columns("token_ids"), which, scores, failures, labels),
        {"scored_rows": len(texts), "scored_tokens": int(offsets[-1] - offsets[0]), **counts},
    )
