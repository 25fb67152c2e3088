"""Training examples in batches grouped by length."""

import bisect
from typing import Any

import keras
import numpy as np

from model.data.examples import Examples

# The lengths of batches: few of them mean few compilations on JAX (10 s each on a slow CPU).
LENGTHS = [*range(8, 64, 8), *range(64, 256, 32), *range(256, 4097, 128)]
POOL = 64  # batches' worth of examples that are sorted by length together


class LengthGroupedBatches(keras.utils.PyDataset):
    """Batches of texts of nearly one length, in an order that a seed fixes.

    Shuffled examples are cut into pools, a pool is sorted by length and cut into batches, and the
    batches are shuffled: hardly any padding, and still a new draw in every epoch.

    Args:
        examples: What to batch.
        batch_size: Texts in a batch; the last batch may have fewer.
        seed: Fixes every epoch's order. None keeps the order of lengths, for evaluation.
        steps: Batches in an epoch, if not all of them; the next epoch goes on behind them, so that
            every text has its turn before the first comes again.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        *,
        seed: int | None = None,
        steps: int | None = None,
    ):
        super().__init__()
        self._examples = examples
        self._batch_size = batch_size
        self._seed = seed
        self._whole = -(-len(examples) // batch_size)
        self._steps = min(steps or self._whole, self._whole)
        self.start_at(0)

    def __len__(self):
        return self._steps

    def __getitem__(self, index):
        """Token ids int32 [batch, length], and what `learned` gives."""
        rows = self._batches[index]
        return padded(self._examples, rows), *self.learned(rows)

    def learned(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Targets float32 [batch, labels + 1] and weights float32 [batch] of an epoch's rows."""
        weights = self._examples.weights
        counted = np.ones(len(rows), np.float32) if weights is None else weights[rows]
        return self._examples.targets(rows), counted

    def for_keras(self) -> Any:
        """What `fit` and `predict` take.

        On TensorFlow, Keras takes the shape of all batches from the first two, and fails at a later
        one if those happen to be of one length. So there the signature says that lengths differ.
        """
        if keras.backend.backend() != "tensorflow":
            return self
        import tensorflow as tf

        def batches():
            for index in range(len(self)):
                yield self[index]

        signature = (
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, self._examples.label_count + 1], tf.float32),
            tf.TensorSpec([None], tf.float32),
        )
        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(self)))

    @property
    def rows(self) -> np.ndarray:
        """The rows of this epoch, in its order: that of the predictions on these batches."""
        return np.concatenate(self._batches)

    def start_at(self, epoch: int) -> None:
        """Goes to an epoch, counted from 0."""
        self._epoch = epoch
        turn, done = divmod(epoch * self._steps, max(self._whole, 1))
        batches = self._plan(turn)[done:]
        if len(batches) < self._steps:
            batches += self._plan(turn + 1)
        self._batches = batches[: self._steps]

    def on_epoch_end(self):
        """Draws the next epoch's batches."""
        self.start_at(self._epoch + 1)

    def _plan(self, turn: int) -> list[np.ndarray]:
        """All batches, in the order in which every text has its turn for the nth time."""
        lengths = self._examples.lengths
        if self._seed is None:
            return self._cut(np.argsort(lengths, kind="stable"))
        draw = np.random.default_rng([self._seed, turn])
        order = draw.permutation(len(lengths))
        pool = POOL * self._batch_size
        batches: list[np.ndarray] = []
        for start in range(0, len(order), pool):
            rows = order[start : start + pool]
            batches += self._cut(rows[np.argsort(lengths[rows], kind="stable")])
        return [batches[i] for i in draw.permutation(len(batches))]

    def _cut(self, rows: np.ndarray) -> list[np.ndarray]:
        return [rows[i : i + self._batch_size] for i in range(0, len(rows), self._batch_size)]


def padded(examples: Examples, rows: np.ndarray) -> np.ndarray:
    """The rows' token ids, int32 [batch, length]; 0 pads to the least of `LENGTHS` that will do."""
    lengths = examples.lengths[rows]
    width = LENGTHS[bisect.bisect_left(LENGTHS, lengths.max(initial=0))]
    token_ids = np.zeros((len(rows), width), np.int32)
    token_ids[np.arange(width) < lengths[:, None]] = examples.take(rows).values
    return token_ids
