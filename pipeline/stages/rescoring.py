"""Rescore: rows of which the small model was unsure get the large model's answer.

The large bundle has its own tokenizer, so it starts from the text. It is loaded when the first
unsure row comes along.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.metrics import Metrics
from apache_beam.utils.shared import Shared

from model.engines.cascade_rules import check_pair, is_unsure, model_names
from model.engines.choose import EngineChoice
from pipeline.corpus.documents import DICTIONARY, with_counts
from pipeline.stages import scoring, tokenizing
from pipeline.stages.batches import Scorer
from pipeline.worker.bundles import open_bundle
from pipeline.worker.failures import failures_told

DECIDED = ["label", "score", "probabilities", "model"]  # what the large model may change


class Second(NamedTuple):
    """The large bundle and when to ask it: what a plan keeps of it, and where it lies.

    Attributes:
        path: its folder.
        digest: its digest.
        choice: what runs its network.
        confidence: rows with a lower score are passed on.
    """

    path: str
    digest: str
    choice: EngineChoice
    confidence: float


@dataclass(frozen=True)
class Model:
    """A bundle's tokenizer and network, loaded.

    Attributes:
        tokenize: strings -> token ids and tokens.
        scorer: token ids -> probabilities.
    """

    tokenize: tokenizing.Tokenize
    scorer: Scorer


class Rescore(beam.PTransform):
    """Scored Table -> the same with `model`, and with the second bundle's labels where unsure."""

    def __init__(self, bundle: str, digest: str, second: Second, work: str | None = None):
        self._arguments = (bundle, digest, second, work)

    def expand(self, tables: beam.PCollection) -> beam.PCollection:
        return tables | beam.ParDo(_Rescore(*self._arguments))


class _Rescore(beam.DoFn):
    def __init__(self, bundle: str, digest: str, second: Second, work: str | None):
        self._bundle, self._digest, self._second, self._work = bundle, digest, second, work
        self._shared = Shared()
        self._model: Model | None = None
        self._milliseconds = Metrics.distribution("newsbeam", "then_ms")
        self._load_milliseconds = Metrics.distribution("newsbeam", "then_load_ms")
        self._rows = Metrics.counter("newsbeam", "then_rows")

    def setup(self) -> None:
        with failures_told(self._work):
            small = open_bundle(self._bundle, self._digest)
            self._large = open_bundle(self._second.path, self._second.digest)
            self._names = model_names(small, self._large)
            self._order = check_pair(small, self._large)

    def process(self, table: pa.Table) -> Iterator[pa.Table]:
        with failures_told(self._work):
            unsure = unsure_rows(table, self._second.confidence)
            counts: dict[str, float] = {"then_rows": len(unsure)}
            answers = None
            if len(unsure):
                if self._model is None:
                    started = time.perf_counter()
                    self._model = self._shared.acquire(self._load)
                    counts["then_load_ms"] = (time.perf_counter() - started) * 1000
                    self._load_milliseconds.update(int(counts["then_load_ms"]))
                started = time.perf_counter()
                answers = answer(table["text"].take(unsure), self._model, self._large.labels)
                counts["then_ms"] = (time.perf_counter() - started) * 1000
                self._milliseconds.update(int(counts["then_ms"]))
                self._rows.inc(len(unsure))
            yield with_counts(
                merge_answers(table, unsure, answers, self._names, self._order), **counts
            )

    def _load(self) -> Model:
        tokenize = tokenizing.load_tokenizer(self._large.transform_dir)
        return Model(tokenize, scoring.load_scorer(self._large, self._second.choice))


def unsure_rows(table: pa.Table, confidence: float) -> pa.Array:
    """The numbers of the rows to pass on, int64. Rows in error have no score and are none of them.

    Args:
        table: with `score`.
        confidence: rows with a lower score are unsure.
    """
    score = table["score"].combine_chunks().to_numpy(False)  # NaN where null
    return pa.array(np.flatnonzero(is_unsure(score, confidence)))


def answer(texts: pa.ChunkedArray, model: Model, labels: tuple[str, ...]) -> pa.Table:
    """What a model says of texts, each different one scored once.

    Args:
        texts: strings, none of them null.
        model: the model.
        labels: its labels.

    Returns:
        `label`, `score`, `probabilities` (in the order of `labels`), and `error` where it failed.
    """
    table = pa.table({"text": texts, "error": pa.nulls(len(texts), pa.string())})
    scored, _ = scoring.score_table(
        tokenizing.tokenize_table(table, model.tokenize), model.scorer, labels
    )
    return scored.select(["label", "score", "probabilities", "error"])


def merge_answers(
    table: pa.Table,
    rows: pa.Array,
    answers: pa.Table | None,
    names: tuple[str, str],
    order: list[int],
) -> pa.Table:
    """Puts the large model's answers in the place of the small one's.

    Where the large model failed, the small one's label stands: it is a label, if an unsure one,
    and can be told by its `model` and low `score`.

    Args:
        table: what the small model has scored.
        rows: the numbers of the rows that were passed on.
        answers: what the large model says of them; None if there are none.
        names: of the small model and the large one.
        order: where each label of the small model stands among the large one's.

    Returns:
        The Table with the columns `label`, `score`, `probabilities` and `model` (dictionary of
        string) of the model that decided, null in `error`'s rows; what the small model said stays
        in `first_label` and `first_score`, since only it has seen every row.
    """
    is_scored = table["error"].combine_chunks().is_null().to_numpy(False)
    table = table.append_column("first_label", table["label"])
    table = table.append_column("first_score", table["score"])
    table = table.append_column("model", _named(0, ~is_scored, names))
    if answers is None:
        return table
    answered = answers["error"].combine_chunks().is_null()
    answers, rows = answers.filter(answered), rows.filter(answered)
    answers = answers.set_column(
        answers.schema.get_field_index("probabilities"),
        "probabilities",
        _reordered(answers["probabilities"], order),
    ).append_column("model", _named(1, np.zeros(len(rows), bool), names))
    # Each row's place in both tables, one below the other.
    place = np.arange(table.num_rows)
    place[rows.to_numpy()] = table.num_rows + np.arange(len(rows))
    both = pa.concat_tables([table.select(DECIDED), answers.select(DECIDED)])
    decided = both.unify_dictionaries().combine_chunks().take(pa.array(place))
    for name in DECIDED:
        table = table.set_column(table.schema.get_field_index(name), name, decided[name])
    return table


def _named(number: int, mask: np.ndarray, names: tuple[str, str]) -> pa.Array:
    """One model's name in every row but those of the mask."""
    numbers = pa.array(np.full(len(mask), number, np.int32), mask=mask)
    return pa.DictionaryArray.from_arrays(numbers, pa.array(names)).cast(DICTIONARY)


def _reordered(probabilities: pa.ChunkedArray, order: list[int]) -> pa.Array:
    """Probabilities (list of float32, none null) in another order of the labels."""
    flat = probabilities.combine_chunks().flatten().to_numpy().reshape(-1, len(order))
    offsets = np.arange(len(flat) + 1, dtype=np.int32) * len(order)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat[:, order].ravel()))
