"""The features of a frozen backbone, computed once instead of in every epoch.

They never change while the head is trained: the backbone's weights stay, and its dropout is off. So
the head sees the very numbers that it would see behind the backbone, at a thousandth of the work.
"""

import keras
import numpy as np

from model.batches import Examples, LengthGroupedBatches
from model.bert import features_of

BATCH_SIZE = 64  # for computing them; the head's own batches are another matter


class FeatureBatches(LengthGroupedBatches):
    """The batches of `LengthGroupedBatches`, with features in the place of token ids.

    Args:
        features: float32 [rows, hidden].
        examples: What they were computed from, for their labels.
        batch_size: Rows in a batch.
        seed: As `LengthGroupedBatches` has it.
        steps: Likewise.
    """

    def __init__(
        self,
        features: np.ndarray,
        examples: Examples,
        batch_size: int,
        *,
        seed: int | None = None,
        steps: int | None = None,
    ):
        super().__init__(examples, batch_size, seed=seed, steps=steps)
        self._features = features

    def __getitem__(self, index):
        """Features float32 [batch, hidden] and labels int32 [batch]."""
        rows = self._batches[index]
        return self._features[rows], self._examples.labels[rows]


def compute_features(network: keras.Model, examples: Examples, verbose: int = 0) -> np.ndarray:
    """What a BERT classifier's head is given for each example, float32 [rows, hidden].

    Args:
        network: What `model.bert.build_bert` built.
        examples: At least one.
        verbose: As `keras.Model.predict` has it.
    """
    batches = LengthGroupedBatches(examples, BATCH_SIZE)
    computed = np.asarray(features_of(network).predict(batches, verbose=verbose), np.float32)
    features = np.empty_like(computed)
    features[batches.rows] = computed
    return features
