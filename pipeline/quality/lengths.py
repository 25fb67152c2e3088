"""How long texts are, and what becomes of those that are longer than the model can see."""

from typing import Any

import numpy as np
import pyarrow as pa

from model.data.corpus_profile import TOKEN_EDGES
from model.engines.windows import count_window_tokens, count_windows, default_stride


def length_stats(table: pa.Table, max_tokens: int, stride: int | None = None) -> dict[str, Any]:
    """Counts what a report wants to know of lengths; numbers that add up.

    Args:
        table: with `tokens`; and where long texts were scored in windows, with `windows`.
        max_tokens: tokens that the model sees.
        stride: how many tokens windows are apart, or would be.

    Returns:
        `lengths` (counts by bin of `TOKEN_EDGES`), `length_sum` (tokens), `truncated` (rows of
        which only the beginning was scored), and `long`, of rows that are longer than the model
        can see: `rows`, `cut_tokens` (beyond what it sees), `windows`, and `more_tokens` (of all
        windows but the first), both as many as there are or would be.
    """
    tokens = table["tokens"].combine_chunks().drop_null().to_numpy()
    long = tokens[tokens > max_tokens].astype(np.int64)
    stride = stride or default_stride(max_tokens)
    window_tokens = count_window_tokens(long, max_tokens, stride)
    bins, counts = np.unique(
        np.searchsorted(TOKEN_EDGES, tokens, side="right") - 1, return_counts=True
    )
    return {
        "lengths": {str(bin): int(rows) for bin, rows in zip(bins, counts, strict=True)},
        "length_sum": int(tokens.sum(dtype=np.int64)),
        "truncated": 0 if "windows" in table.column_names else len(long),
        "long": {
            "rows": len(long),
            "cut_tokens": int((long - max_tokens).sum()),
            "windows": int(count_windows(long, max_tokens, stride).sum()),
            "more_tokens": int((window_tokens - max_tokens).sum()),
        },
    }


def of_long_texts(stats: dict[str, Any]) -> dict[str, Any] | None:
    """What the report says of texts that are longer than the model can see.

    Args:
        stats: merged, of a run.

    Returns:
        `rows`, `windows`, `share` of all tokens that are beyond what the model sees, `times` that
        the model computes for windows what it does for beginnings alone, and `cut`: whether they
        were cut. None if there are no long texts, or the run's version didn't count them.
    """
    long = stats.get("long", {})
    if not long.get("rows"):
        return None
    seen = stats["length_sum"] - long["cut_tokens"]
    return {
        "rows": long["rows"],
        "windows": long["windows"],
        "share": long["cut_tokens"] / stats["length_sum"],
        "times": 1 + long["more_tokens"] / seen,
        "cut": bool(stats["truncated"]),
    }
