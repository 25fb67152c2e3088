"""Batches of texts of about one length, under a token budget: how every engine is fed."""

from collections.abc import Iterator
from typing import Any

import numpy as np

ROUND = 4  # lengths are rounded up to a multiple, so that shapes repeat


def padded_length(lengths: Any) -> Any:
    """The length (or an array of them) that batches whose longest text is so long are padded to."""
    return np.maximum(ROUND, -(-lengths // ROUND) * ROUND)


def cut_batches(lengths: np.ndarray, batch_tokens: int) -> Iterator[np.ndarray]:
    """Groups texts by length.

    A batch is as full as the budget allows; the last texts, too few for that, go by the largest
    powers of two. So few shapes come up, and again and again: engines keep code and memory for each
    (OpenVINO 2026.4: 0.6 MB for the small transformer's, however small its cache is set).

    Yields:
        Numbers of texts, from the longest to the shortest, so many at a time that their number
        times their padded length stays within the budget (but at least one).
    """
    order = np.argsort(-lengths, kind="stable")
    padded = padded_length(lengths[order])
    start = 0
    while start < len(order):
        left = len(order) - start
        full = max(1, batch_tokens // int(padded[start]))
        count = full if left >= full else 1 << (left.bit_length() - 1)
        yield order[start : start + count]
        start += count


def pad(values: np.ndarray, offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Copies texts into a matrix, int32 [rows, length], padded with 0."""
    lengths = offsets[rows + 1] - offsets[rows]
    columns = np.arange(padded_length(lengths.max(initial=0)))
    is_token = columns < lengths[:, None]
    matrix = np.zeros(is_token.shape, np.int32)
    matrix[is_token] = values[(offsets[rows][:, None] + columns)[is_token]]
    return matrix
