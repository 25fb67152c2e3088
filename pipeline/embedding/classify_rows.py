"""ClassifyRows: rows of somebody's pipeline -> the same rows with labels.

For pipelines that have their own sources and sinks. `pipeline.score` does more for files: it
resumes, publishes as one, reports, and is faster, since it reads whole Tables.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Optional, cast

import apache_beam as beam
from apache_beam.pvalue import Row
from apache_beam.typehints.row_type import RowTypeConstraint
from apache_beam.typehints.schemas import named_fields_from_element_type
from apache_beam.utils.shared import Shared
from apache_beam.utils.windowed_value import WindowedValue

from pipeline.embedding.labeller import Labeller, Question

BATCH_ROWS = 4096  # rows that are labelled together, at the most
BATCH_BYTES = 16 << 20  # of text
WAIT_SECONDS = 1.0  # that a row waits for others at the most, while more come in its bundle
TYPES: dict[str, Any] = {
    "label": str,
    "score": float,
    "probabilities": Sequence[float],
    "tokens": int,
    "error": str,
    "model": str,
}


class ClassifyRows(beam.PTransform):
    """Adds `label`, `score`, `probabilities`, `tokens` and `error` to each row.

    Rows are dictionaries, or have a schema (`beam.Row`, a NamedTuple); then so have the results.
    What can't be labelled has null for `label` and the reason in `error`, as in the output of
    `pipeline.score`. Rows keep their windows and timestamps. With `then`, `model` says which bundle
    decided.

    Args:
        model: the bundle, in a folder that workers reach.
        text_columns: the fields whose text is joined by a space and labelled; those that the bundle
            was trained on if there are none.
        then: a second, larger bundle, for rows of which the first is unsure.
        confidence: rows with a lower score are unsure.
        engine: `auto`, `openvino` or `tensorflow`.
        precision: `float32` or `bfloat16`.

    Raises:
        ValueError: if `then` and `confidence` don't go together, or rows with a schema lack a text
            column, or have a field that is called like one of the results.
    """

    def __init__(
        self,
        model: str,
        text_columns: Sequence[str] | None = None,
        then: str | None = None,
        confidence: float | None = None,
        engine: str = "auto",
        precision: str = "float32",
    ):
        super().__init__()
        columns = None if text_columns is None else tuple(text_columns)
        self._question = Question(model, columns, then, confidence, engine, precision)

    def expand(self, rows: beam.PCollection) -> beam.PCollection:
        """PCollection of rows -> PCollection of rows with labels."""
        label = beam.ParDo(_ClassifyRows(self._question))
        try:
            fields = named_fields_from_element_type(cast(type, rows.element_type))
        except TypeError:  # no schema: dictionaries
            return rows | label.with_output_types(dict[str, Any])
        names = [name for name, _ in fields]
        missing = [name for name in self._question.text_columns or () if name not in names]
        if missing:
            raise ValueError(f"rows have no field {missing[0]}, they have {', '.join(names)}")
        _check_names(names, self._question.fields())
        # Beam makes nothing of `str | None` in a schema.
        found = [(name, Optional[TYPES[name]]) for name in self._question.fields()]  # noqa: UP045
        return rows | label.with_output_types(
            RowTypeConstraint.from_fields(cast(list, [*fields, *found]))
        )


class _ClassifyRows(beam.DoFn):
    def __init__(self, question: Question):
        self._question = question
        self._shared = Shared()

    def setup(self) -> None:
        self._label = self._shared.acquire(lambda: Labeller(self._question))

    def start_bundle(self) -> None:
        self._waiting: list[WindowedValue] = []
        self._bytes = 0
        self._since = 0.0

    def process(
        self, row: Any, timestamp=beam.DoFn.TimestampParam, window=beam.DoFn.WindowParam
    ) -> Iterator[WindowedValue]:
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(WindowedValue(row, timestamp, (window,)))
        self._bytes += sum(len(v) for v in _fields_of(row).values() if isinstance(v, str | bytes))
        is_full = len(self._waiting) >= BATCH_ROWS or self._bytes >= BATCH_BYTES
        if is_full or time.monotonic() - self._since >= WAIT_SECONDS:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        yield from self._flush()

    def _flush(self) -> Iterator[WindowedValue]:
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        if not waiting:
            return
        rows = [_fields_of(one.value) for one in waiting]
        for one, row, answer in zip(waiting, rows, self._label(rows), strict=True):
            _check_names(list(row), self._question.fields())
            both = {**row, **answer}
            yield one.with_value(both if isinstance(one.value, dict) else Row(**both))


def _fields_of(row: Any) -> dict[str, Any]:
    """A row as a dictionary."""
    if isinstance(row, dict):
        return row
    return row._asdict()  # of Beam's rows and of named tuples alike


def _check_names(names: list[str], answers: Sequence[str]) -> None:
    taken = [name for name in answers if name in names]
    if taken:
        raise ValueError(f"rows have a field {taken[0]} already: rename it before ClassifyRows")
