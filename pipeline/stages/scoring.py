"""ScoreDocuments: a Table with token ids -> the same with label, score and probabilities.

A Table is scored while the one before it is written and the one after it is read and tokenized.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.shared import Shared
from apache_beam.utils.windowed_value import WindowedValue

from model.bundle import Bundle
from model.engines.choose import EngineChoice, batches_at_once, load_engine
from model.engines.processor import no_bfloat16
from pipeline.corpus.documents import DICTIONARY, MODEL, with_counts
from pipeline.errors import NewsbeamError
from pipeline.stages.batches import Scorer
from pipeline.worker.bundles import open_bundle
from pipeline.worker.failures import failures_told
from pipeline.worker.tensorflow_setup import import_tensorflow


class ScoreDocuments(beam.PTransform):
    """Adds `label`, `score` and `probabilities` to each Table, and takes `token_ids` away."""

    def __init__(
        self, bundle: str, choice: EngineChoice, digest: str | None = None, work: str | None = None
    ):
        self._arguments = (bundle, choice, digest, work)

    def expand(self, tables: beam.PCollection) -> beam.PCollection:
        return tables | beam.ParDo(_ScoreDocuments(*self._arguments))


class _ScoreDocuments(beam.DoFn):
    def __init__(self, bundle: str, choice: EngineChoice, digest: str | None, work: str | None):
        self._bundle, self._choice, self._digest, self._work = bundle, choice, digest, work
        self._shared = Shared()
        self._milliseconds = Metrics.distribution("newsbeam", "model_ms")
        self._load_milliseconds = Metrics.distribution("newsbeam", "model_load_ms")
        self._batch_rows = Metrics.distribution("newsbeam", "batch_rows")
        self._scored = Metrics.counter("newsbeam", "scored_tokens")
        self._padded = Metrics.counter("newsbeam", "padded_tokens")

    def setup(self) -> None:
        with failures_told(self._work):
            started = time.perf_counter()
            bundle = open_bundle(self._bundle, self._digest)
            self._labels = bundle.labels
            self._scorer = self._shared.acquire(lambda: load_scorer(bundle, self._choice))
            self._load_ms: float | None = (time.perf_counter() - started) * 1000
            self._ahead = ThreadPoolExecutor(1, "newsbeam-score")

    def start_bundle(self) -> None:
        self._under_way: Future | None = None

    def process(self, table: pa.Table) -> Iterator[pa.Table]:
        with failures_told(self._work):
            earlier = self._under_way
            self._under_way = self._ahead.submit(self._score, table)
            if earlier is not None:
                yield self._counted(*earlier.result())

    def finish_bundle(self) -> Iterator[WindowedValue]:
        with failures_told(self._work):
            if self._under_way is not None:
                yield GlobalWindows.windowed_value(self._counted(*self._under_way.result()))

    def teardown(self) -> None:
        self._ahead.shutdown(cancel_futures=True)

    def _score(self, table: pa.Table) -> tuple[pa.Table, dict[str, int], float]:
        started = time.perf_counter()
        result, counts = score_table(table, self._scorer, self._labels)
        return result, counts, (time.perf_counter() - started) * 1000

    def _counted(self, table: pa.Table, counts: dict[str, int], milliseconds: float) -> pa.Table:
        """Tells Beam what was counted, in the thread that Beam's counters belong to."""
        times = {"model_ms": milliseconds}
        self._milliseconds.update(int(milliseconds))
        if self._load_ms is not None:
            times["model_load_ms"] = self._load_ms
            self._load_milliseconds.update(int(self._load_ms))
            self._load_ms = None
        if counts["batches"]:  # the mean of this Table
            self._batch_rows.update(counts["scored_rows"] // counts["batches"])
        self._scored.inc(counts["scored_tokens"])
        self._padded.inc(counts["padded_tokens"])
        return with_counts(table, **times, **counts)


def load_scorer(bundle: Bundle, choice: EngineChoice) -> Scorer:
    """Loads a bundle's network with its engine and token budget.

    Raises:
        NewsbeamError: if the plan says bfloat16 and this processor hasn't got it.
    """
    if choice.precision == "bfloat16" and (reason := no_bfloat16()) is not None:
        raise NewsbeamError(f"{reason}; score with --precision float32")
    if choice.name == "tensorflow":
        import_tensorflow()
    return Scorer(load_engine(bundle, choice), choice.batch_tokens, batches_at_once(choice))


def score_table(
    table: pa.Table, scorer: Scorer, labels: tuple[str, ...]
) -> tuple[pa.Table, dict[str, int]]:
    """Labels the rows of a Table, each different text once.

    Args:
        table: with `text`, `error` (string) and `token_ids` (list of int32).
        scorer: the model.
        labels: the names of the labels, in the order of the probabilities.

    Returns:
        The Table without `token_ids`, with `label` (dictionary of string), `score` (float32) and
        `probabilities` (list of float32), null where there is an `error`; rows on which the model
        failed get one. And the counts `scored_rows` (different texts), `scored_tokens` (in them),
        `batches`, `padded_tokens` (with padding).
    """
    encoded = table["text"].combine_chunks().dictionary_encode()
    which = encoded.indices  # number of the row's text among the different ones; null: no text
    numbers = which.fill_null(0).to_numpy()
    _, first = np.unique(numbers[which.is_valid().to_numpy(False)], return_index=True)
    rows = np.flatnonzero(which.is_valid().to_numpy(False))[first]
    token_ids = table["token_ids"].combine_chunks().take(pa.array(rows))
    values, offsets = token_ids.values.to_numpy(), token_ids.offsets.to_numpy()
    scores, failures, counts = scorer.score(values, offsets, len(labels))
    error = _errors(table["error"].combine_chunks(), which, failures)
    is_scored = error.is_null().to_numpy(False)
    return (
        _with_labels(table, scores, numbers, is_scored, error, labels),
        {"scored_rows": len(rows), "scored_tokens": int(offsets[-1] - offsets[0]), **counts},
    )


def _errors(error: pa.Array, which: pa.Array, failures: dict[int, str]) -> pa.Array:
    """The rows' errors, with those of the model added."""
    if not failures:
        return error
    reasons = pa.array([f"{MODEL}: {reason}" for reason in failures.values()], pa.string())
    place = pc.index_in(which, pa.array(list(failures), which.type), skip_nulls=True)
    return pc.coalesce(error, reasons.take(place))


def _with_labels(
    table: pa.Table,
    scores: np.ndarray,
    numbers: np.ndarray,
    is_scored: np.ndarray,
    error: pa.Array,
    labels: tuple[str, ...],
) -> pa.Table:
    best = scores.argmax(axis=1) if len(scores) else np.zeros(1, np.int64)
    highest = scores.max(axis=1) if len(scores) else np.zeros(1, np.float32)
    label = pa.DictionaryArray.from_arrays(
        pa.array(best[numbers].astype(np.int32), mask=~is_scored), pa.array(labels, pa.string())
    ).cast(DICTIONARY)
    score = pa.array(highest[numbers].astype(np.float32), mask=~is_scored)
    offsets = np.concatenate([[0], np.cumsum(is_scored * len(labels))]).astype(np.int32)
    flat = scores[numbers[is_scored]].ravel().astype(np.float32)
    probabilities = pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(flat), mask=pa.array(~is_scored)
    )
    columns = {"label": label, "score": score, "probabilities": probabilities, "error": error}
    table = table.drop_columns(["token_ids", "error"])
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table
