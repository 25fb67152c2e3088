"""Training examples from a `prepared/` folder, in batches grouped by length.

PyArrow and NumPy only, so that it runs where nothing but Keras and JAX is installed.
"""

import bisect
import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.training.held_out import HASH_COLUMN, is_held_out

# The lengths of batches: few of them mean few compilations on JAX (10 s each on a slow CPU).
LENGTHS = [*range(8, 64, 8), *range(64, 256, 32), *range(256, 4097, 128)]
POOL = 64  # batches' worth of examples that are sorted by length together


@dataclasses.dataclass(frozen=True)
class Examples:
    """Token ids of all texts end to end, and their labels.

    Attributes:
        values: int32 [tokens], the ids of all texts.
        offsets: int64 [rows + 1]; text i is `values[offsets[i]:offsets[i + 1]]`.
        labels: int32 [rows], indexes into the names of the labels.
        hashes: uint64 [rows], of the texts; see `model.training.held_out`.
    """

    values: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    hashes: np.ndarray

    def __len__(self):
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """int64 [rows], tokens of each text."""
        return np.diff(self.offsets)

    def take(self, rows: np.ndarray) -> "Examples":
        """The given rows, in the given order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        values = self.values[np.repeat(self.offsets[rows], lengths) + within]
        return Examples(values, offsets, self.labels[rows], self.hashes[rows])


def read_examples(prepared: str | Path, labels: list[str]) -> Examples:
    """Reads `examples-*.parquet`.

    Args:
        prepared: The folder that `pipeline.prepare` wrote.
        labels: Names of the labels, in the order of their indexes.

    Raises:
        FileNotFoundError: There are no examples.
        ValueError: An example has a label that is none of them, or no hash.
    """
    files = sorted(Path(prepared).glob("examples-*.parquet"))
    if not files:
        raise FileNotFoundError(f"{prepared} holds no examples-*.parquet: prepare the data again")
    table = pa.concat_tables(pq.read_table(file) for file in files).combine_chunks()
    if HASH_COLUMN not in table.schema.names:
        raise ValueError(f"{prepared} was prepared by an older newsbeam: prepare the data again")
    indexes = pc.index_in(table["label"].cast(pa.string()), pa.array(labels, pa.string()))
    if indexes.null_count:
        raise ValueError(f"{prepared} has labels that prepared.json lacks: prepare the data again")
    token_ids = table["token_ids"].combine_chunks()
    if isinstance(token_ids, pa.ChunkedArray):
        token_ids = pa.concat_arrays(token_ids.chunks)
    offsets = token_ids.offsets.to_numpy().astype(np.int64)
    values = token_ids.values.to_numpy().astype(np.int32)
    hashes = table[HASH_COLUMN].to_numpy()
    return Examples(values, offsets, indexes.to_numpy().astype(np.int32), hashes)


def split(
    examples: Examples, validation: float, at_most: int | None = None
) -> tuple[Examples, Examples]:
    """Cuts off what is held out: the examples to train on, and those held out.

    Args:
        examples: All examples.
        validation: The share of texts to hold out, in [0, 1).
        at_most: Rows to hold out at most.
    """
    held_out = is_held_out(examples.hashes, validation, at_most)
    return examples.take(np.flatnonzero(~held_out)), examples.take(np.flatnonzero(held_out))


def balanced_weights(examples: Examples) -> dict[int, float]:
    """The weight of each label that gives all labels the same weight in all, and 1 on average."""
    counts = np.bincount(examples.labels)
    present = np.flatnonzero(counts)
    return {int(i): len(examples) / (len(present) * int(counts[i])) for i in present}


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
        """Token ids int32 [batch, length] and labels int32 [batch]."""
        rows = self._batches[index]
        return padded(self._examples, rows), self._examples.labels[rows]

    def for_keras(self) -> Any:
        """What `fit` and `predict` take.

        On TensorFlow, Keras takes the shape of all batches from the first two, and fails at a later
        one if those happen to be of one length. So there it is told that lengths differ.
        """
        if keras.backend.backend() != "tensorflow":
            return self
        import tensorflow as tf

        def batches():
            for index in range(len(self)):
                yield self[index]

        signature = (tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32))
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
