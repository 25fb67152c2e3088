"""Mergeable statistics of scored rows: what every checkpoint carries in its metadata.

A statistics value is a JSON object. Numbers add up, objects merge key by key, and lists are
examples (see `example_rows.py`). So merging is associative and commutative (sums of floats to their
last bits), and counts, progress, manifest and report are right after a resume and on any runner.
A value stays small however large the corpus is: what grows is only the list of sources.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model.data.corpus_profile import CONFIDENCE_EDGES, TOKEN_EDGES
from pipeline.corpus.documents import Shard
from pipeline.quality.coverage import set_stats
from pipeline.quality.example_rows import error_examples, label_examples, lowest, ranked
from pipeline.quality.lengths import length_stats

CONFIDENCE_BINS = len(CONFIDENCE_EDGES) - 1
LENGTH_BINS = len(TOKEN_EDGES)

Stats = dict[str, Any]


def shard_stats(
    shard: Shard,
    max_tokens: int,
    session: str | None = None,
    worker: str | None = None,
    stride: int | None = None,
) -> Stats:
    """Counts what a report wants to know of a scored shard.

    With a `model` column (a cascade), `rows_by_model` is in it, too, and in `first` what
    `_of_labels` says of the first model's own labels.

    Args:
        shard: its Table has the columns of the documents and of the scores.
        max_tokens: tokens that the model sees of a text.
        session: when the process that leads the run was started; a run that is continued has
            several.
        worker: the process that scored it.
        stride: how many tokens the windows of long texts are apart, or would be.

    Returns:
        `rows`, `labelled`, `rows_by_label`, `score_sums` (by label), `errors` (by code), `sources`
        (rows and errors of each), `sessions` and `workers` (rows of each), `confidence` (counts by
        label and bin of `CONFIDENCE_EDGES`), what `length_stats` has, `counts` (what the stages
        measured), `examples`, `languages` (texts that were looked at, by code); with a `gold`
        column `gold`; with label sets `label_sets`.
    """
    table = shard.table
    error = table["error"].combine_chunks()
    codes = pc.split_pattern(error.drop_null(), ":", max_splits=1)
    in_error = len(error) - error.null_count
    scored = table.filter(error.is_null())
    stats: Stats = {
        "rows": table.num_rows,
        "labelled": table.num_rows - in_error,
        "errors": _value_counts(pc.list_element(codes, 0)) if in_error else {},
        "sources": {shard.source: {"rows": table.num_rows, "errors": in_error}},
        **_of_labels(scored),
        **length_stats(table, max_tokens, stride),
        "counts": shard.counts,
        "examples": {"errors": error_examples(table, shard), **label_examples(scored, shard)},
    }
    if shard.languages:
        stats["languages"] = shard.languages
    if session is not None:
        stats["sessions"] = {session: table.num_rows}
    if worker is not None:
        stats["workers"] = {worker: table.num_rows}
    if "gold" in table.column_names:
        stats["gold"] = _gold(table, scored, shard)
    if "model" in table.column_names:
        stats["rows_by_model"] = _value_counts(scored["model"].cast(pa.string()))
        stats["first"] = _of_labels(scored, "first_label", "first_score")
    if "label_set" in table.column_names:
        stats["label_sets"] = set_stats(scored)
    return stats


def of_no_rows() -> Stats:
    """What readers of a manifest find of a run without rows."""
    return {"rows": 0, "labelled": 0, "errors": {}, "sources": {}, "rows_by_label": {}}


def merge(many: Iterable[Stats]) -> Stats:
    """Adds statistics up, in time that grows with what is added, not with the sum."""
    total: Stats = {}
    for stats in many:
        _add(total, stats)
    return total


def confidence_bins(scores: np.ndarray) -> np.ndarray:
    """The number of each score's bin, int [rows]; the bins of `confidence_histogram`.

    Args:
        scores: float [rows], from 0 to 1. They are compared in float64 and rounded, since the
            edges are no float32 and a score of 0.7 would fall beside its bin.
    """
    exact = np.clip(np.asarray(scores, np.float64).round(7), 0, 1)
    return np.minimum(
        np.searchsorted(CONFIDENCE_EDGES, exact, side="right") - 1, CONFIDENCE_BINS - 1
    )


def bin_counts(counts: dict[str, int], bins: int) -> list[int]:
    """A histogram as a list, from its bins that hold any."""
    return [counts.get(str(number), 0) for number in range(bins)]


def _add(total: Stats, other: Stats) -> None:
    for key, value in other.items():
        if isinstance(value, dict):
            _add(total.setdefault(key, {}), value)
        elif isinstance(value, list):
            total[key] = lowest([*total.get(key, []), *value])
        else:
            total[key] = total.get(key, 0) + value


def _counts(numbers: np.ndarray) -> dict[str, int]:
    """How often each number occurs, as JSON wants it."""
    values, counts = np.unique(numbers, return_counts=True)
    return {str(value): int(count) for value, count in zip(values, counts, strict=True)}


def _value_counts(array: pa.Array) -> dict[str, int]:
    return {pair["values"]: pair["counts"] for pair in pc.value_counts(array).to_pylist()}


def _of_labels(scored: pa.Table, label: str = "label", score: str = "score") -> Stats:
    labels = scored[label].combine_chunks()
    scores = scored[score].combine_chunks().to_numpy(False)
    numbers = labels.indices.to_numpy(False)
    bins = confidence_bins(scores)
    stats: Stats = {"rows_by_label": {}, "score_sums": {}, "confidence": {}}
    for number in np.unique(numbers):
        name, is_here = labels.dictionary[number].as_py(), numbers == number
        stats["rows_by_label"][name] = int(np.count_nonzero(is_here))
        stats["score_sums"][name] = float(scores[is_here].sum(dtype=np.float64))
        stats["confidence"][name] = _counts(bins[is_here])
    return stats


def _gold(table: pa.Table, scored: pa.Table, shard: Shard) -> Stats:
    """What evaluation needs.

    Returns:
        `missing`: rows without a true label; `in_error`: rows with one, but not labelled;
        `confusion`: rows by true and given label, for the true labels that the model has;
        `foreign`: rows by given label whose true label the model does not have, and
        `foreign_examples`, each another true label; `calibration`: by bin of confidence `rows`,
        `right` ones and the sum of `score`; `mistakes`: the most confident ones.
    """
    known = scored.filter(scored["gold"].combine_chunks().is_valid())
    label, gold = known["label"].combine_chunks(), known["gold"].combine_chunks()
    place = pc.fill_null(pc.index_in(gold, label.dictionary), -1).to_numpy(False)
    numbers = label.indices.to_numpy(False)
    scores = known["score"].combine_chunks().to_numpy(False)
    is_right = place == numbers
    names = label.dictionary.to_pylist()
    confusion: dict[str, dict[str, int]] = {}
    unknown: dict[str, int] = {}
    pairs, counts = np.unique(np.stack([place, numbers]), axis=1, return_counts=True)
    for (true, given), count in zip(pairs.T, counts, strict=True):
        row = unknown if true < 0 else confusion.setdefault(names[true], {})
        row[names[given]] = int(count)
    bins = confidence_bins(scores)
    return {
        "missing": table["gold"].null_count,
        "in_error": table.num_rows - table["gold"].null_count - known.num_rows,
        "confusion": confusion,
        "foreign": unknown,
        "foreign_examples": ranked(
            known, np.flatnonzero(place < 0), np.zeros(len(place)), shard, "gold"
        ),
        "calibration": {
            str(number): {
                "rows": int(np.count_nonzero(bins == number)),
                "right": int(is_right[bins == number].sum()),
                "score": float(scores[bins == number].sum(dtype=np.float64)),
            }
            for number in np.unique(bins)
        },
        "mistakes": ranked(known, np.flatnonzero(~is_right & (place >= 0)), -scores, shard),
    }
