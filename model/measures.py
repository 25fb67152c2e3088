"""Measures a network on examples."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from model.batches import Examples, LengthGroupedBatches
from model.corpus_profile import label_profile


def measure(
    network: keras.Model, examples: Examples, labels: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Labels examples and compares.

    Args:
        network: From token ids to probabilities.
        examples: At least one.
        labels: Names of the labels.

    Returns:
        `rows`, `accuracy`, `loss` (cross-entropy in nats) and `recall` of each label that has
        examples; and what `model.corpus_profile.label_profile` says of the answers. For JSON.
    """
    batches = LengthGroupedBatches(examples, 256)
    probabilities = np.asarray(network.predict(batches, verbose=0), np.float32)
    gold = examples.labels[batches.rows]
    right = probabilities.argmax(axis=1) == gold
    of_gold = probabilities[np.arange(len(gold)), gold].astype(np.float64)
    metrics = {
        "rows": len(gold),
        "accuracy": float(right.mean()),
        "loss": float(-np.log(np.maximum(of_gold, 1e-12)).mean()),
        "recall": {
            label: float(right[gold == i].mean())
            for i, label in enumerate(labels)
            if (gold == i).any()
        },
    }
    return metrics, label_profile(probabilities, labels)
