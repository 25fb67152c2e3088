"""Rows in memory -> their labels, as `pipeline.score` gives them to the rows of a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from model.bundle.load import Bundle
from model.engines.cascade_rules import check_pair, model_names
from model.engines.choose import choose_engine
from pipeline.corpus.documents import document_schema
from pipeline.corpus.sources import Columns, Rows, Source
from pipeline.stages.rescoring import Model, answer, merge_answers, open_model, unsure_rows
from pipeline.stages.scoring import score_table
from pipeline.stages.to_documents import to_documents
from pipeline.stages.tokenizing import tokenize_table
from pipeline.worker.bundles import open_bundle

ANSWERS = ("label", "score", "probabilities", "tokens", "error")


@dataclass(frozen=True)
class Question:
    """What rows are asked, and by which bundles.

    Attributes:
        model: the bundle's path.
        text_columns: the fields that hold the text; those the bundle was trained on if None.
        then: the path of a second bundle, which labels the rows of which the first is unsure.
        confidence: rows with a lower score are unsure.
        engine: what runs the networks: `auto`, `openvino` or `tensorflow`.
        precision: `float32`, or `bfloat16`.
    """

    model: str
    text_columns: tuple[str, ...] | None = None
    then: str | None = None
    confidence: float | None = None
    engine: str = "auto"
    precision: str = "float32"

    def __post_init__(self) -> None:
        if (self.then is None) != (self.confidence is None):
            raise ValueError("then, a second bundle, goes with confidence, and that with then")

    def fields(self) -> tuple[str, ...]:
        """The fields of the answers."""
        return ANSWERS if self.then is None else (*ANSWERS, "model")


class Labeller:
    """The bundles of a question, loaded.

    Raises:
        UsageError: if there is no such bundle, or the two don't fit.
    """

    def __init__(self, question: Question):
        self._question = question
        self._bundle = open_bundle(question.model)
        self._columns = Columns(tuple(question.text_columns or self._bundle.text_columns))
        self._schema = document_schema({}, self._columns)
        self._first = self._load(self._bundle)
        if question.then is not None:
            self._large = open_bundle(question.then)
            self._order = check_pair(self._bundle, self._large)
            self._names = model_names(self._bundle, self._large)
            self._second = self._load(self._large)

    def _load(self, bundle: Bundle) -> Model:
        asked = self._question
        choice = choose_engine(bundle.model["kind"], asked.engine, precision=asked.precision)
        return open_model(bundle, choice)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Labels rows together, in their order.

        Args:
            rows: with the text columns; one that a row lacks is null.

        Returns:
            The fields of the answers, one dictionary a row.
        """
        texts = {
            name: pa.array([as_bytes(row.get(name)) for row in rows], pa.binary())
            for name in self._columns.text
        }
        source = Source("", "", 0, None, "")
        documents = to_documents(Rows(pa.table(texts)), self._columns, self._schema, source, 0)
        tokenized = tokenize_table(documents, self._first.tokenize)
        table, _ = score_table(tokenized, self._first.scorer, self._bundle.labels)
        if self._question.confidence is not None:
            unsure = unsure_rows(table, self._question.confidence)
            asked = table["text"].take(unsure)
            answers = answer(asked, self._second, self._large.labels) if len(unsure) else None
            table = merge_answers(table, unsure, answers, self._names, self._order)
        return table.select(list(self._question.fields())).to_pylist()


def as_bytes(value: Any) -> bytes | None:
    """A field's text: strings, bytes, and paragraphs, which line breaks join."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, list | tuple):
        return b"\n".join(part for part in map(as_bytes, value) if part is not None)
    return str(value).encode("utf-8", "surrogatepass")
