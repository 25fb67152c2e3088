"""How good the labels are, where the corpus has the true ones: from merged statistics alone.

The rows are never needed again: scikit-learn's metrics take the confusion matrix's cells as
samples with weights, and calibration its bins.
"""

from typing import Any

import numpy as np

from pipeline.quality.stats import CONFIDENCE_BINS

CONFIDENCE_LEVEL = 0.95
UNKNOWN_LABEL = "(not a label of the bundle)"

Evaluation = dict[str, Any]


def evaluate(gold: dict[str, Any], labels: list[str]) -> Evaluation | None:
    """Measures labels against true ones.

    Rows in error have no label; they are neither right nor wrong, but `accuracy_of_all` counts
    them as mistakes. A row whose true label the bundle doesn't have is always a mistake.

    Args:
        gold: the `gold` part of merged statistics.
        labels: the bundle's labels.

    Returns:
        `rows` that were compared, `missing` (no true label), `in_error`, `foreign` (the bundle
        doesn't have the true label), `accuracy` with its 95 % Wilson score `interval` (Wilson
        1927, JASA 22), `accuracy_of_all`, `macro_f1` over the bundle's labels, `by_label`
        (precision, recall, f1, rows), `matrix` (rows by true and given label, unknown labels
        last), `calibration` (per bin that has rows: rows, accuracy, mean score) and its
        `calibration_error`. None if no row could be compared.
    """
    # Seconds to import, and most runs have no true labels.
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    matrix = confusion_matrix(gold, labels)
    rows = int(matrix.sum())
    if not rows:
        return None
    true, given = (axis.ravel() for axis in np.indices(matrix.shape))
    weights = matrix.ravel()
    right = int(np.trace(matrix))
    numbers = list(range(len(labels)))
    precision, recall, f1, support = precision_recall_fscore_support(
        true, given, labels=numbers, sample_weight=weights, zero_division=0
    )
    macro = precision_recall_fscore_support(
        true, given, labels=numbers, sample_weight=weights, average="macro", zero_division=0
    )
    return {
        "rows": rows,
        "missing": gold["missing"],
        "in_error": gold["in_error"],
        "foreign": int(matrix[-1].sum()),
        "accuracy": float(accuracy_score(true, given, sample_weight=weights)),
        "interval": wilson(right, rows),
        "accuracy_of_all": right / (rows + gold["in_error"]),
        "macro_f1": float(macro[2]),
        "by_label": {
            label: {
                "precision": float(precision[number]),
                "recall": float(recall[number]),
                "f1": float(f1[number]),
                "rows": int(support[number]),
            }
            for number, label in enumerate(labels)
        },
        "matrix": {
            name: dict(zip(labels, map(int, cells[: len(labels)]), strict=True))
            for name, cells in zip([*labels, UNKNOWN_LABEL], matrix, strict=True)
        },
        **calibration(gold["calibration"]),
    }


def wilson(right: int, rows: int) -> list[float]:
    """The 95 % Wilson score interval of a share: its lower and upper end."""
    from scipy.stats import binomtest

    interval = binomtest(right, rows).proportion_ci(CONFIDENCE_LEVEL, method="wilson")
    return [float(interval.low), float(interval.high)]


def coverage_facts(promise: dict[str, Any], stats: dict[str, Any]) -> dict[str, Any]:
    """What a manifest says of a run's label sets.

    Args:
        promise: `coverage` that was asked for, `held_out` rows that it rests on, and `least`, the
            probability from which on a label is in a set (None: only the label is).
        stats: the run's merged statistics.

    Returns:
        `promise`; `sizes` as `set_stats` has them, the smallest first; and where there are true
        labels `known`, `covered`, the share `reached`, and its 95 % Wilson score `interval`.
    """
    found = stats.get("label_sets", {})
    sizes = found.get("sizes", {})
    facts = {**promise, "sizes": {size: sizes[size] for size in sorted(sizes, key=int)}}
    known, covered = found.get("known", 0), found.get("covered", 0)
    if known:
        facts |= {"known": known, "covered": covered, "reached": covered / known}
        facts["interval"] = wilson(covered, known)
    return facts


def confusion_matrix(gold: dict[str, Any], labels: list[str]) -> np.ndarray:
    """Rows by true label (one more for unknown labels) and given label, int [labels + 1, same]."""
    number = {label: place for place, label in enumerate(labels)}
    matrix = np.zeros((len(labels) + 1,) * 2, np.int64)
    for true, row in gold["confusion"].items():
        for given, count in row.items():
            matrix[number[true], number[given]] = count
    for given, count in gold["foreign"].items():
        matrix[-1, number[given]] = count
    return matrix


def calibration(bins: dict[str, dict[str, float]]) -> dict[str, Any]:
    """How far confidence can be believed.

    Returns:
        `calibration`: per bin that has rows its number, `rows`, `accuracy` and mean `score`;
        `calibration_error`: the expected calibration error, the mean distance of the two,
        weighted by rows (Guo et al. 2017, "On Calibration of Modern Neural Networks").
    """
    numbers = [number for number in range(CONFIDENCE_BINS) if str(number) in bins]
    rows = np.array([bins[str(number)]["rows"] for number in numbers])
    accuracy = np.array([bins[str(number)]["right"] for number in numbers]) / rows
    score = np.array([bins[str(number)]["score"] for number in numbers]) / rows
    return {
        "calibration": [
            {"bin": number, "rows": int(r), "accuracy": float(a), "score": float(s)}
            for number, r, a, s in zip(numbers, rows, accuracy, score, strict=True)
        ],
        "calibration_error": float(np.average(np.abs(accuracy - score), weights=rows)),
    }
