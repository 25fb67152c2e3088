"""Training examples from a `prepared/` folder: what is learned from, and what is held out.

PyArrow and NumPy only, so that it runs where nothing but Keras and JAX is installed.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.data.held_out import HASH_COLUMN, first_kept, is_conformal

TEACHERS = -1  # in the place of a label: a teacher's probabilities are known instead


@dataclasses.dataclass(frozen=True)
class Examples:
    """Token ids of all texts end to end, and what to learn of them.

    Attributes:
        values: int32 [tokens], the ids of all texts.
        offsets: int64 [rows + 1]; text i is `values[offsets[i]:offsets[i + 1]]`.
        labels: int32 [rows], indexes into the names of the labels; `TEACHERS` where a teacher's
            probabilities are known instead of the true label.
        hashes: uint64 [rows], of the texts; see `model.data.held_out`.
        label_count: How many labels there are.
        taught: float32 [rows, labels], a teacher's probabilities, zeros in other rows; None without
            a teacher.
        weights: float32 [rows], how much a row counts; None for 1 each.
    """

    values: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    hashes: np.ndarray
    label_count: int
    taught: np.ndarray | None = None
    weights: np.ndarray | None = None

    def __len__(self):
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """int64 [rows], tokens of each text."""
        return np.diff(self.offsets)

    @property
    def is_gold(self) -> np.ndarray:
        """Where the true label is known, bool [rows]."""
        return self.labels != TEACHERS

    def take(self, rows: np.ndarray) -> "Examples":
        """The given rows, in the given order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Examples(
            self.values[np.repeat(self.offsets[rows], lengths) + within],
            offsets,
            self.labels[rows],
            self.hashes[rows],
            self.label_count,
            None if self.taught is None else self.taught[rows],
            None if self.weights is None else self.weights[rows],
        )

    def at_most(self, rows: int) -> "Examples":
        """So many of them, those of the lowest hashes: a draw that no order of a file decides."""
        if len(self) <= rows:
            return self
        return self.take(np.argsort(self.hashes, kind="stable")[:rows])

    def targets(self, rows: np.ndarray) -> np.ndarray:
        """What to learn of the given rows, float32 [rows, labels + 1].

        The label as one-hot, or the teacher's probabilities; in the last place, whether it is the
        teacher's.
        """
        labels = self.labels[rows]
        targets = np.zeros((len(rows), self.label_count + 1), np.float32)
        if self.taught is not None:
            targets[:, :-1] = self.taught[rows]
        gold = np.flatnonzero(labels != TEACHERS)
        targets[gold, labels[gold]] = 1
        targets[:, -1] = labels == TEACHERS
        return targets


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
    taught = None
    if "probabilities" in table.schema.names:
        taught = _taught(table["probabilities"], len(labels))
    known = table["label"].null_count
    if indexes.null_count > known or (known and taught is None):
        raise ValueError(f"{prepared} has labels that prepared.json lacks: prepare the data again")
    token_ids = table["token_ids"].combine_chunks()
    if isinstance(token_ids, pa.ChunkedArray):
        token_ids = pa.concat_arrays(token_ids.chunks)
    return Examples(
        values=token_ids.values.to_numpy().astype(np.int32),
        offsets=token_ids.offsets.to_numpy().astype(np.int64),
        labels=pc.fill_null(indexes, TEACHERS).to_numpy().astype(np.int32),
        hashes=table[HASH_COLUMN].to_numpy(),
        label_count=len(labels),
        taught=taught,
    )


def _taught(column: pa.ChunkedArray, labels: int) -> np.ndarray | None:
    """A teacher's probabilities, float32 [rows, labels]; None if no row has any."""
    rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    if not len(rows):
        return None
    taught = np.zeros((len(column), labels), np.float32)
    taught[rows] = pc.list_flatten(column).to_numpy().reshape(-1, labels)
    return taught


def split(
    examples: Examples, validation: float, at_most: int | None = None
) -> tuple[Examples, Examples, Examples]:
    """Cuts off what is held out.

    Only examples with a true label are of use there; a teacher's of the same texts are left out of
    all three.

    Args:
        examples: All examples.
        validation: The share of texts to hold out, in [0, 1).
        at_most: Rows to hold out at most.

    Returns:
        The examples to train on; those held out that choose the best epoch and calibrate; and the
        other half of those held out, which only label sets are made by.
    """
    limit = first_kept(examples.hashes[examples.is_gold], validation, at_most)
    is_held_out = examples.hashes < limit
    of_use = is_held_out & examples.is_gold
    kept = is_conformal(examples.hashes)
    parts = (~is_held_out, of_use & ~kept, of_use & kept)
    training, stopping, conformal = (examples.take(np.flatnonzero(part)) for part in parts)
    return training, stopping, conformal


def weighted(examples: Examples, balance: bool, gold_weight: float) -> Examples:
    """The examples, knowing how much each counts.

    Args:
        examples: To learn from.
        balance: Give all true labels the same weight in all. A teacher's rows are left as they are:
            what is right of a text doesn't depend on how often such texts come.
        gold_weight: What a row with a true label counts on average, where a teacher's counts 1.
    """
    weights = np.ones(len(examples), np.float32)
    gold = np.flatnonzero(examples.is_gold)
    labels = examples.labels[gold]
    if balance:
        counts = np.bincount(labels, minlength=examples.label_count)
        weights[gold] = len(gold) / (np.count_nonzero(counts) * counts[labels])
    weights[gold] *= gold_weight
    return dataclasses.replace(examples, weights=weights)
