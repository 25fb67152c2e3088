"""Mergeable statistics of scored rows: what every finished file carries in its metadata.

A statistics value is a JSON object. Numbers add up, objects merge key by key, and lists are
examples: `[rank, {...}]`, of which the ones with the lowest ranks are kept. So merging is
associative and commutative, and counts, progress, manifest and report are right after a resume
and on any runner.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus import Piece, piece_of

EXAMPLES = 5  # of each kind
TEXT_CHARACTERS = 280  # of an example's text
CONFIDENCE_BINS = 20  # of equal width, from 0 to 1
LENGTH_EDGES = (0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 4096)

Stats = dict[str, Any]


def table_stats(table: pa.Table, max_tokens: int) -> Stats:
    """Counts what a report wants to know of a scored Table.

    Args:
        table: with the columns of the documents and of the scores.
        max_tokens: tokens that the model sees of a text.

    Returns:
        `rows`, `rows_by_label`, `errors` (by code), `sources` (rows and errors of each),
        `confidence` (counts by label and bin), `lengths` (counts by bin of `LENGTH_EDGES`),
        `truncated`, the counts of the stages, `examples`; and with a `gold` column `gold`.
    """
    piece = piece_of(table)
    error = table["error"].combine_chunks()
    codes = pc.split_pattern(error.drop_null(), ":", max_splits=1)
    code_counts = _value_counts(pc.list_element(codes, 0)) if len(codes) else {}
    in_error = len(error) - error.null_count
    scored = table.filter(error.is_null())
    tokens = table["tokens"].combine_chunks().drop_null().to_numpy()
    stats: Stats = {
        "rows": table.num_rows,
        "labelled": table.num_rows - in_error,
        "rows_by_label": _value_counts(scored["label"].combine_chunks().cast(pa.string())),
        "errors": code_counts,
        "sources": {piece.source: {"rows": table.num_rows, "errors": in_error}},
        "confidence": _confidence(scored),
        "lengths": histogram(tokens, np.array([*LENGTH_EDGES, np.inf])),
        "truncated": int(np.count_nonzero(tokens > max_tokens)),
        "counts": piece.counts,
        "examples": _examples(table, scored, piece),
    }
    if "gold" in table.column_names:
        stats["gold"] = _gold(scored)
    return stats


def merge(many: Iterable[Stats]) -> Stats:
    """Adds statistics up."""
    total: Stats = {}
    for stats in many:
        total = _merge_two(total, stats)
    return total


def histogram(values: np.ndarray, edges: np.ndarray) -> dict[str, int]:
    """Counts values by bin; keys are the numbers of bins that hold any."""
    counts, _ = np.histogram(values, edges)
    return {str(bin_): int(count) for bin_, count in enumerate(counts) if count}


def _merge_two(one: Any, other: Any) -> Any:
    if isinstance(other, dict):
        return {
            key: _merge_two(one[key], other[key])
            if key in one and key in other
            else one.get(key, other.get(key))
            for key in {**one, **other}
        }
    if isinstance(other, list):
        return sorted(one + other, key=lambda example: example[0])[:EXAMPLES]
    return one + other


def _value_counts(array: pa.Array) -> dict[str, int]:
    return {pair["values"]: pair["counts"] for pair in pc.value_counts(array).to_pylist()}


def _confidence(scored: pa.Table) -> dict[str, dict[str, int]]:
    labels = scored["label"].combine_chunks()
    scores = scored["score"].combine_chunks().to_numpy(False)
    numbers = labels.indices.to_numpy(False)
    edges = np.linspace(0, 1, CONFIDENCE_BINS + 1)
    names = labels.dictionary.to_pylist()
    present = np.unique(numbers)
    return {names[number]: histogram(scores[numbers == number], edges) for number in present}


def _examples(table: pa.Table, scored: pa.Table, piece: Piece) -> dict[str, dict[str, list]]:
    errors = table.filter(table["error"].combine_chunks().is_valid())
    by_code: dict[str, list] = {}
    for row in range(errors.num_rows):
        code = errors["error"][row].as_py().split(":")[0]
        if len(by_code.setdefault(code, [])) < EXAMPLES:
            by_code[code].append(_example(errors, row, piece, rank=0))
    found = {"errors": by_code, "confident": {}, "unsure": {}}
    labels = scored["label"].combine_chunks()
    scores = scored["score"].combine_chunks().to_numpy(False)
    numbers = labels.indices.to_numpy(False)
    for number in np.unique(numbers):
        name = labels.dictionary[number].as_py()
        rows = np.flatnonzero(numbers == number)
        order = rows[np.argsort(scores[rows], kind="stable")]
        found["unsure"][name] = [_example(scored, row, piece, scores[row]) for row in order[:5]]
        top = rows[np.argsort(-scores[rows], kind="stable")][:EXAMPLES]
        found["confident"][name] = [_example(scored, row, piece, -scores[row]) for row in top]
    return found


def _example(table: pa.Table, row: int, piece: Piece, rank: float) -> list:
    """A row to read: its rank, which also orders rows of equal confidence, and what it holds."""
    number = table["source_row"][row].as_py()
    text = table["text"][row].as_py()
    shown = {
        "id": str(table["id"][row].as_py()),
        "source": piece.source,
        "source_row": number,
        "text": text if text is None else text[:TEXT_CHARACTERS],
        "error": table["error"][row].as_py(),
        "label": table["label"][row].as_py(),
        "score": table["score"][row].as_py(),
    }
    if "gold" in table.column_names:
        shown["gold"] = table["gold"][row].as_py()
    return [[float(rank), piece.item, number], shown]


def _gold(scored: pa.Table) -> Stats:
    """What evaluation needs: the confusion matrix, calibration, and confident mistakes."""
    known = scored.filter(scored["gold"].combine_chunks().is_valid())
    label = known["label"].combine_chunks().cast(pa.string())
    gold, scores = known["gold"].combine_chunks(), known["score"].combine_chunks().to_numpy(False)
    is_right = pc.equal(label, gold).to_numpy(False)
    confusion: dict[str, dict[str, int]] = {}
    pairs = pa.table({"gold": gold, "label": label}).group_by(["gold", "label"])
    for pair in pairs.aggregate([([], "count_all")]).to_pylist():
        confusion.setdefault(pair["gold"], {})[pair["label"]] = pair["count_all"]
    bins = np.minimum((scores * CONFIDENCE_BINS).astype(int), CONFIDENCE_BINS - 1)
    calibration = {
        str(number): {
            "rows": int(np.count_nonzero(bins == number)),
            "right": int(is_right[bins == number].sum()),
            "score": float(scores[bins == number].sum(dtype=np.float64)),
        }
        for number in np.unique(bins)
    }
    wrong = np.flatnonzero(~is_right)
    worst = wrong[np.argsort(-scores[wrong], kind="stable")][:EXAMPLES]
    piece = piece_of(scored)
    mistakes = [_example(known, row, piece, -scores[row]) for row in worst]
    return {"confusion": confusion, "calibration": calibration, "mistakes": mistakes}
