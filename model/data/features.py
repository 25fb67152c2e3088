"""The features of a frozen backbone, computed once instead of in every epoch.

They never change while the head is trained: the backbone's weights stay, and nothing is dropped out
in it. So the head sees the very numbers that it would see behind the backbone, at a fraction of the
work.
"""

from collections.abc import Sequence

import keras
import numpy as np

from model.data.batches import LengthGroupedBatches
from model.data.examples import Examples
from model.networks.bert import features_of

BATCH_SIZE = 64  # for computing them; the head's own batches are another matter


class FeatureBatches(LengthGroupedBatches):
    """The batches of `LengthGroupedBatches`, with features in the place of token ids.

    Args:
        network: What `model.networks.bert.build_bert` built, frozen.
        examples: At least one.
        batch_size: Rows in a batch.
        seed: As `LengthGroupedBatches` has it.
        steps: Batches in an epoch, if not all; the same rows in every epoch, so that only theirs
            are computed.
        verbose: As `keras.Model.predict` has it.
        callbacks: As `keras.Model.predict` has them.
    """

    def __init__(
        self,
        network: keras.Model,
        examples: Examples,
        batch_size: int,
        *,
        seed: int | None = None,
        steps: int | None = None,
        verbose: int = 0,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ):
        if steps is not None:
            draw = np.random.default_rng(seed)
            examples = examples.take(draw.permutation(len(examples))[: steps * batch_size])
        super().__init__(examples, batch_size, seed=seed)
        self.features = compute_features(network, examples, verbose, callbacks)

    def for_keras(self):
        """Itself: its batches are all of one width."""
        return self

    def __getitem__(self, index):
        """Features float32 [batch, hidden], and what `learned` gives."""
        rows = self._batches[index]
        return self.features[rows], *self.learned(rows)


def compute_features(
    network: keras.Model,
    examples: Examples,
    verbose: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> np.ndarray:
    """What a BERT classifier's head is given for each example, float32 [rows, hidden]."""
    batches = LengthGroupedBatches(examples, BATCH_SIZE)
    computed = features_of(network).predict(
        batches.for_keras(), verbose=verbose, callbacks=list(callbacks)
    )
    features = np.empty(computed.shape, np.float32)
    features[batches.rows] = computed
    return features
