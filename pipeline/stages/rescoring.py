"""Rescore: rows of which the small model was unsure get the large model's answer.

The large bundle has its own tokenizer, so it starts from the text. It is loaded at set-up, so that
one which has changed or doesn't run is seen then, and not hours later at the first unsure row.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.utils.shared import Shared

from model.bundle.load import Bundle
from model.engines.cascade_rules import check_pair, is_unsure, model_names
from model.engines.choose import EngineChoice
from model.engines.loading import Tokenize
from model.engines.scorer import Scorer
from pipeline.corpus.documents import DICTIONARY, Shard
from pipeline.stages import scoring, tokenizing
from pipeline.stages.context import RunContext
from pipeline.stages.long_texts import LongTexts
from pipeline.stages.replacing import replace_rows
from pipeline.stages.stage import StageDoFn, milliseconds_since

DECIDED = ["label", "score", "probabilities", "model"]  # what the large model may change


@dataclass(frozen=True)
class Model:
    """A bundle's tokenizer and network, loaded.

    Attributes:
        tokenize: strings -> token ids and tokens.
        scorer: token ids -> probabilities.
        long_texts: what scores the rest of texts that are longer than the network can see; None
            where it is cut off.
    """

    tokenize: Tokenize
    scorer: Scorer
    long_texts: LongTexts | None = None


@dataclass
class Rescore(beam.PTransform):
    """Scored shard -> the same with `model`, and with the second bundle's labels where unsure."""

    context: RunContext

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(_Rescore(self.context))


class _Rescore(StageDoFn):
    def __init__(self, context: RunContext):
        super().__init__(context)
        self._shared = Shared()

    def load(self) -> None:
        small, self._large = self.context.bundle(), self.context.second_bundle()
        self._confidence: float | None = None
        self._names = model_names(small, self._large)
        self._order = check_pair(small, self._large)
        self._model = self._shared.acquire(self._load_model)

    def run(self, shard: Shard) -> Iterator[Shard]:
        if self._confidence is None:  # where it is chosen by the run, it is not there before
            self._confidence = self.context.confidence()
        unsure = unsure_rows(shard.table, self._confidence)
        measured = {"then_rows": len(unsure), **self.took_to_load("then_load_ms")}
        answers = None
        if len(unsure):
            started = time.perf_counter()
            answers = answer(shard.table["text"].take(unsure), self._model, self._large.labels)
            measured["then_ms"] = milliseconds_since(started)
        table = merge_answers(shard.table, unsure, answers, self._names, self._order)
        yield shard.becomes(table, **self.measure(**measured))

    def _load_model(self) -> Model:
        context = self.context
        return open_model(self._large, context.second_engine(), context.stride(self._large))


def open_model(bundle: Bundle, choice: EngineChoice, stride: int | None = None) -> Model:
    """Loads a bundle's tokenizer and network.

    Args:
        bundle: the bundle.
        choice: what runs its network.
        stride: how many tokens the windows of long texts are apart; None if these are cut.

    Raises:
        NewsbeamError: if this machine can't run it.
    """
    tokenize = tokenizing.load_tokenizer(bundle.transform_dir)
    scorer = scoring.load_scorer(bundle, choice)
    long_texts = LongTexts(bundle, tokenize, scorer, stride) if stride else None
    return Model(tokenize, scorer, long_texts)


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
    if model.long_texts is not None:
        scored, _ = model.long_texts(scored)
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
    and can be recognised by its `model` and low `score`.

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
    return replace_rows(table, rows, answers, DECIDED)


def _named(number: int, mask: np.ndarray, names: tuple[str, str]) -> pa.Array:
    """One model's name in every row but those of the mask."""
    numbers = pa.array(np.full(len(mask), number, np.int32), mask=mask)
    return pa.DictionaryArray.from_arrays(numbers, pa.array(names)).cast(DICTIONARY)


def _reordered(probabilities: pa.ChunkedArray, order: list[int]) -> pa.Array:
    """Probabilities (list of float32, none null) in another order of the labels."""
    flat = probabilities.combine_chunks().flatten().to_numpy().reshape(-1, len(order))
    offsets = np.arange(len(flat) + 1, dtype=np.int32) * len(order)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat[:, order].ravel()))
