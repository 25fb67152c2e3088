"""What two runs say of the same rows: where they agree, what became of what, and examples.

Rows are the same where they stand at the same place in an input of the same content; the runs may
have read it under other names, and more inputs besides.
"""

import heapq
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.comparing.rows import PublishedRows, in_step
from pipeline.errors import NewsbeamError, UsageError

EXAMPLES = 20
CARRIED_EXAMPLES = 3  # carried columns of text that are shown with an example
OURS = ["id", "label", "score", "error", "source_row"]


def common_inputs(
    left: dict[str, Any], right: dict[str, Any]
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Pairs the inputs of two runs by their content.

    Args:
        left: the manifest of one run.
        right: that of the other.

    Returns:
        Pairs of the path there and there; then the paths that only one of them has.

    Raises:
        UsageError: if no input is in both.
    """
    others: dict[str, list[str]] = {}
    for path, content in right["plan"]["sources"]:
        others.setdefault(content, []).append(path)
    pairs, alone = [], []
    for path, content in left["plan"]["sources"]:
        if found := others.get(content):
            pairs.append((path, found.pop(found.index(path) if path in found else 0)))
        else:
            alone.append(path)
    if not pairs:
        raise UsageError("the two runs have no input in common: none has the same content")
    return pairs, alone, [path for paths in others.values() for path in paths]


def compare(left: tuple[str, dict[str, Any]], right: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Compares two published runs, in memory that doesn't grow with them.

    Args:
        left: a run's folder and its manifest.
        right: those of the other.

    Returns:
        As JSON values: `rows` that both have, `labelled` by both, `agree`, `confusion` (rows by
        left and right label), `left_only`, `right_only`, `neither` (rows that so many have
        labelled), `inputs` compared, `left_inputs` and `right_inputs` that are only there, and
        `examples`: rows on which they disagree, those first of which both are surest.

    Raises:
        UsageError: if no input is in both.
        NewsbeamError: if the parts aren't what the manifest says.
    """
    pairs, left_alone, right_alone = common_inputs(left[1], right[1])
    first, second = PublishedRows(*left), PublishedRows(*right)
    columns = OURS + [new for _, new in left[1]["plan"]["columns"].get("carry", [])]
    confusion: Counter[tuple[str, str]] = Counter()
    counts: Counter[str] = Counter()
    surest: list[tuple[float, int, dict[str, Any]]] = []
    for here, there in pairs:
        for one, other in in_step(first.read(here, columns), second.read(there, OURS)):
            if not one["source_row"].combine_chunks().equals(other["source_row"].combine_chunks()):
                raise NewsbeamError(f"the rows of {here} stand in another order in the two runs")
            counts.update(_count(one, other, confusion))
            for score, row in _disagreements(one, other):
                place = counts["rows"] - len(one) + row
                example = _example(one, other, row, here)
                heapq.heappush(surest, (score, -place, example))
                if len(surest) > EXAMPLES:
                    heapq.heappop(surest)
    by_label: dict[str, dict[str, int]] = {}
    for (label, became), rows in sorted(confusion.items()):
        by_label.setdefault(label, {})[became] = rows
    return {
        **{name: counts[name] for name in ("rows", "labelled", "agree")},
        **{name: counts[name] for name in ("left_only", "right_only", "neither")},
        "confusion": by_label,
        "inputs": len(pairs),
        "left_inputs": left_alone,
        "right_inputs": right_alone,
        "examples": [example for *_, example in sorted(surest, key=lambda one: one[:2])[::-1]],
    }


def _strings(table: pa.Table) -> pa.Array:
    return table["label"].combine_chunks().cast(pa.string())


def _count(one: pa.Table, other: pa.Table, confusion: Counter[tuple[str, str]]) -> dict[str, int]:
    """Counts rows; and adds those with two labels to the confusion."""
    left, right = _strings(one), _strings(other)
    known = pc.and_(left.is_valid(), right.is_valid())
    pairs = pa.table({"left": left.filter(known), "right": right.filter(known)})
    agree = 0
    for row in pairs.group_by(["left", "right"]).aggregate([([], "count_all")]).to_pylist():
        confusion[row["left"], row["right"]] += row["count_all"]
        agree += row["count_all"] * (row["left"] == row["right"])
    labelled = len(pairs)
    return {
        "rows": len(one),
        "labelled": labelled,
        "agree": agree,
        "left_only": len(left) - left.null_count - labelled,
        "right_only": len(right) - right.null_count - labelled,
        "neither": int(pc.sum(pc.and_(left.is_null(), right.is_null())).as_py() or 0),
    }


def _disagreements(one: pa.Table, other: pa.Table) -> list[tuple[float, int]]:
    """The rows on which two labels differ, a few: how sure both are, and the row's number."""
    differ = pc.fill_null(pc.not_equal(_strings(one), _strings(other)), False).to_numpy(False)
    rows = np.flatnonzero(differ)
    scores = [
        t["score"].combine_chunks().take(pa.array(rows)).to_numpy(False) for t in (one, other)
    ]
    sure = np.minimum(*scores)
    best = np.argsort(-sure, kind="stable")[:EXAMPLES]
    return [(float(sure[place]), int(rows[place])) for place in best]


def _example(one: pa.Table, other: pa.Table, row: int, source: str) -> dict[str, Any]:
    left, right = one.slice(row, 1).to_pylist()[0], other.slice(row, 1).to_pylist()[0]
    carried = {name: value for name, value in left.items() if name not in OURS}
    texts = [name for name, value in carried.items() if isinstance(value, str)][:CARRIED_EXAMPLES]
    return {
        "id": str(left["id"]),
        "source": source,
        "source_row": left["source_row"],
        "carried": {name: carried[name] for name in texts},
        "left": {"label": left["label"], "score": left["score"]},
        "right": {"label": right["label"], "score": right["score"]},
    }
