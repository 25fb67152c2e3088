"""What a corpus looks like to a tokenizer and a model, as histograms that can be compared later."""

from collections.abc import Sequence
from typing import Any

import numpy as np

CONFIDENCE_EDGES = [i / 20 for i in range(21)]
# Tokens before the cut; the last bin has no end.
TOKEN_EDGES = [0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 4096]


def confidence_histogram(scores: np.ndarray) -> list[int]:
    """Counts of scores in 20 equal bins on [0, 1], each with its lower edge, the last with both.

    Args:
        scores: float [rows], probabilities of the predicted labels.
    """
    # In float64: the edges are no float32, and a score of 0.7 would fall beside its bin.
    exact = np.clip(np.asarray(scores, np.float64).round(7), 0, 1)
    return np.histogram(exact, CONFIDENCE_EDGES)[0].tolist()


def token_histogram(tokens: np.ndarray) -> list[int]:
    """Counts of lengths in the bins that begin at `TOKEN_EDGES`; a bin has its lower edge."""
    return np.histogram(tokens, [*TOKEN_EDGES, np.inf])[0].tolist()


def label_profile(probabilities: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """Describes a model's answers.

    Args:
        probabilities: float [rows, labels].
        labels: Names of the labels.

    Returns:
        `labelled_rows`, `label_shares` of the predicted labels, and the histogram `confidence` of
        `edges` and `counts`; for JSON.
    """
    predicted = np.bincount(probabilities.argmax(axis=1), minlength=len(labels))
    shares = (predicted / max(len(probabilities), 1)).tolist()
    return {
        "labelled_rows": len(probabilities),
        "label_shares": dict(zip(labels, shares, strict=True)),
        "confidence": {
            "edges": CONFIDENCE_EDGES,
            "counts": confidence_histogram(probabilities.max(axis=1)),
        },
    }
