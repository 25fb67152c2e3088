"""Example rows that statistics carry along: few, clipped, distinct, and mergeable.

An example is `[rank, key, row]`. Of those with one key the lowest rank stays, and of these the
`EXAMPLES` lowest; so it does not matter in which order files are merged. Ranks end in the row's
place in the corpus, so no two are equal.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.documents import Shard

EXAMPLES = 5  # of each kind
MANY_LABELS = 50  # with more labels than this, one example of each is carried
CANDIDATES = 100  # rows that are looked at for `EXAMPLES` different texts
TEXT_CHARACTERS = 280
NAME_CHARACTERS = 120  # of an id, a label, a reason

Example = list[Any]


def lowest(examples: Iterable[Example]) -> list[Example]:
    """The examples that stay: each key once, the lowest ranks."""
    kept: dict[str, Example] = {}
    for example in sorted(examples, key=lambda example: example[0]):
        kept.setdefault(example[1], example)
        if len(kept) == EXAMPLES:
            break
    return list(kept.values())


def error_examples(table: pa.Table, shard: Shard) -> dict[str, list[Example]]:
    """The first rows in error, by code.

    Args:
        table: scored documents.
        shard: what the Table is.
    """
    error = table["error"].combine_chunks()
    rows = np.flatnonzero(error.is_valid().to_numpy(False))
    codes = pc.list_element(pc.split_pattern(error.drop_null(), ":", max_splits=1), 0)
    by_code: dict[str, list[Example]] = {}
    for code in codes.unique().to_pylist() if len(rows) else []:
        first = rows[pc.equal(codes, code).to_numpy(False)][:EXAMPLES]
        by_code[code] = [_example(table, int(row), shard, 0.0, None) for row in first]
    return by_code


def label_examples(scored: pa.Table, shard: Shard) -> dict[str, dict[str, list[Example]]]:
    """The most and the least confident rows of each label.

    Args:
        scored: documents that have a label.
        shard: what the Table is.

    Returns:
        `confident` and `unsure`, each by label.
    """
    labels = scored["label"].combine_chunks()
    scores = scored["score"].combine_chunks().to_numpy(False)
    numbers = labels.indices.to_numpy(False)
    many = EXAMPLES if len(labels.dictionary) <= MANY_LABELS else 1
    by_kind: dict[str, dict[str, list[Example]]] = {"confident": {}, "unsure": {}}
    for number in np.unique(numbers):
        name = labels.dictionary[number].as_py()
        rows = np.flatnonzero(numbers == number)
        for kind, ranks in (("confident", -scores), ("unsure", scores)):
            by_kind[kind][name] = ranked(scored, rows, ranks, shard)[:many]
    return by_kind


def ranked(
    table: pa.Table, rows: np.ndarray, ranks: np.ndarray, shard: Shard, key: str = "text"
) -> list[Example]:
    """The rows with the lowest ranks.

    Args:
        table: scored documents.
        rows: numbers of the rows to choose from.
        ranks: of all rows of the Table.
        shard: what the Table is.
        key: the column in which examples differ.
    """
    order = rows[np.argsort(ranks[rows], kind="stable")][:CANDIDATES]
    kept: dict[str, Example] = {}
    for row in order:
        example = _example(table, int(row), shard, float(ranks[row]), key)
        kept.setdefault(example[1], example)
        if len(kept) == EXAMPLES:
            break
    return list(kept.values())


def rows_of(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """The rows of examples, in their order."""
    return [row for _, _, row in examples]


def _example(table: pa.Table, row: int, shard: Shard, rank: float, key: str | None) -> Example:
    number = table["source_row"][row].as_py()
    shown = {
        "id": clipped(str(table["id"][row].as_py()), NAME_CHARACTERS),
        "source": shard.source,
        "source_row": number,
        "text": clipped(table["text"][row].as_py(), TEXT_CHARACTERS),
        "error": clipped(table["error"][row].as_py(), TEXT_CHARACTERS),
        "label": table["label"][row].as_py(),
        "score": table["score"][row].as_py(),
    }
    if "gold" in table.column_names:
        shown["gold"] = clipped(table["gold"][row].as_py(), NAME_CHARACTERS)
    distinct = f"{shard.source}#{number}" if key is None else shown[key]
    return [[rank, shard.item, number], distinct, shown]


def clipped(text: str | None, most: int) -> str | None:
    """At most `most` characters, the last of them an ellipsis if something was cut."""
    return text if text is None or len(text) <= most else text[: most - 1] + "…"
