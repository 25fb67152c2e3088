"""Compares a model's answers with the truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def measure(probabilities: np.ndarray, gold: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """Measures answers.

    Args:
        probabilities: float [rows, labels].
        gold: int [rows], indexes of the true labels.
        labels: Names of the labels.

    Returns:
        `rows`, `accuracy`, `loss` (cross-entropy in nats) and `recall` of each label that has rows;
        for JSON.
    """
    right = probabilities.argmax(axis=1) == gold
    of_gold = probabilities[np.arange(len(gold)), gold].astype(np.float64)
    return {
        "rows": len(gold),
        "accuracy": float(right.mean()),
        "loss": float(-np.log(np.maximum(of_gold, 1e-12)).mean()),
        "recall": {
            label: float(right[gold == i].mean())
            for i, label in enumerate(labels)
            if (gold == i).any()
        },
    }
