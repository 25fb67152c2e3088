"""Probabilities of texts -> label, score and probabilities of rows, or why there are none."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model.engines.scorer import EngineError
from pipeline.corpus.documents import DICTIONARY, MODEL
from pipeline.errors import NewsbeamError


@contextmanager
def engine_errors() -> Iterator[None]:
    """Says in one line, for a person, what is wrong with an engine."""
    try:
        yield
    except EngineError as error:
        raise NewsbeamError(str(error)) from error


def label_rows(
    table: pa.Table,
    which: pa.Array,
    scores: np.ndarray,
    failures: dict[int, str],
    labels: tuple[str, ...],
) -> pa.Table:
    """Gives rows the answers to their texts.

    Args:
        table: with `error` (string).
        which: the number of each row's text among the different ones; null where there is none.
        scores: the texts' probabilities, float32 [texts, labels].
        failures: why the model failed on a text.
        labels: the names of the labels, in the order of the probabilities.

    Returns:
        The Table with `label` (dictionary of string), `score` (float32), `probabilities` (list of
        float32), null where there is an `error`; and with the model's failures in `error`.
    """
    error = _errors(table["error"].combine_chunks(), which, failures)
    is_scored = error.is_null().to_numpy(False)
    numbers = which.fill_null(0).to_numpy()
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
    table = table.drop_columns("error")
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def _errors(error: pa.Array, which: pa.Array, failures: dict[int, str]) -> pa.Array:
    """The rows' errors, with those of the model added."""
    if not failures:
        return error
    reasons = pa.array([f"{MODEL}: {reason}" for reason in failures.values()], pa.string())
    place = pc.index_in(which, pa.array(list(failures), which.type), skip_nulls=True)
    return pc.coalesce(error, reasons.take(place))
