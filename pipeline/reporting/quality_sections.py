"""Sections of the report about the model's answers: confidence, lengths of the texts, accuracy.

Each function takes what the manifest says and gives what its template shows, figures included.
"""

from typing import Any

import numpy as np

from model.data.corpus_profile import TOKEN_EDGES
from pipeline.quality.evaluation import UNKNOWN_LABEL
from pipeline.quality.example_rows import rows_of
from pipeline.quality.lengths import of_long_texts
from pipeline.quality.stats import CONFIDENCE_BINS, LENGTH_BINS, bin_counts

MOST_MAPPED = 30  # labels in a heat map


def confidence(stats: dict[str, Any]) -> dict[str, Any] | None:
    """How sure the model was; None if no row has a label."""
    from pipeline.reporting.charts import histogram

    by_label = [bin_counts(bins, CONFIDENCE_BINS) for bins in stats.get("confidence", {}).values()]
    if not by_label:
        return None
    counts = [int(number) for number in np.sum(by_label, axis=0)]
    total = sum(counts)
    step = CONFIDENCE_BINS // 5
    ticks = {float(n): f"{n / CONFIDENCE_BINS:.1f}" for n in range(0, CONFIDENCE_BINS + 1, step)}
    first = next(number for number, rows in enumerate(counts) if rows)
    return {
        "high": sum(counts[18:]) / total,
        "low": sum(counts[:10]) / total,
        "mean": sum(stats["score_sums"].values()) / total,
        "bins": [
            {"from": n / CONFIDENCE_BINS, "to": (n + 1) / CONFIDENCE_BINS, "rows": counts[n]}
            for n in range(first, CONFIDENCE_BINS)
        ],
        "figure": histogram(counts, ticks, "confidence", "confidence of the label"),
    }


def lengths(stats: dict[str, Any], bundle: dict[str, Any]) -> dict[str, Any] | None:
    """How long the texts are in tokens; None if no row has one."""
    from pipeline.reporting.charts import histogram

    counts = bin_counts(stats.get("lengths", {}), LENGTH_BINS)
    total = sum(counts)
    if not total:
        return None
    trained = (bundle["profile"] or {}).get("tokens", {}).get("counts", [])
    other = trained if len(trained) == LENGTH_BINS else [0] * LENGTH_BINS
    used = [number for number in range(LENGTH_BINS) if counts[number] or other[number]]
    first, last = used[0], used[-1] + 1
    ticks = {
        float(n - first): f"{TOKEN_EDGES[n]:,}"
        for n in range(first, min(last + 1, LENGTH_BINS))
        if (n - first) % max(1, (last - first) // 8) == 0
    }
    measured = stats.get("counts", {})
    return {
        "rows": total,
        "mean": stats["length_sum"] / total,
        "truncated": stats["truncated"],
        "truncated_share": stats["truncated"] / total,
        "long": of_long_texts(stats),
        "unknown_share": measured.get("unknown_tokens", 0) / max(measured.get("tokens", 0), 1),
        "has_training": bool(sum(other)),
        "bins": [
            {
                "from": TOKEN_EDGES[n],
                "to": TOKEN_EDGES[n + 1] - 1 if n + 1 < LENGTH_BINS else None,
                "rows": counts[n],
            }
            for n in range(first, last)
        ],
        "figure": histogram(
            counts[first:last],
            ticks,
            "lengths",
            "tokens in the text",
            other[first:last],
            "training corpus",
        ),
    }


def evaluation(manifest: dict[str, Any], labels: list[str]) -> dict[str, Any] | None:
    """How the labels compare with true ones; None if no row has a true label."""
    from pipeline.reporting.charts import heat_map, reliability

    measured = manifest["evaluation"]
    if not measured:
        return None
    true = [*labels, UNKNOWN_LABEL] if measured["foreign"] else labels
    cells = np.array([[measured["matrix"][row][column] for column in labels] for row in true])
    confusions = sorted(
        (
            {"true": row, "given": column, "rows": rows}
            for row in true
            for column, rows in measured["matrix"][row].items()
            if rows and row != column
        ),
        key=lambda pair: -pair["rows"],
    )
    bins = measured["calibration"]
    gold = manifest["stats"]["gold"]
    return {
        **measured,
        "column": manifest["plan"]["columns"]["gold"],
        "confusions": confusions,
        "true": true,
        "labels": labels,
        "surer": sum(part["rows"] * (part["score"] - part["accuracy"]) for part in bins) > 0,
        "heat_map": heat_map(true, labels, cells, "matrix") if len(labels) <= MOST_MAPPED else None,
        "reliability": reliability(
            [part["score"] for part in bins],
            [part["accuracy"] for part in bins],
            [part["rows"] for part in bins],
            "reliability",
        ),
        "mistakes": rows_of(gold["mistakes"]),
        "foreign_examples": rows_of(gold["foreign_examples"]),
    }
