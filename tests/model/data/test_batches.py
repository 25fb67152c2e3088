"""Batches: literal ids in, literal batches out."""

import keras
import numpy as np
import pytest

from model.data.batches import LengthGroupedBatches, padded
from model.data.examples import Examples


def examples_of(lengths) -> Examples:
    """Text i is `lengths[i]` times the id i + 1, and all of one label."""
    values = np.repeat(np.arange(1, len(lengths) + 1), lengths).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    labels = np.zeros(len(lengths), np.int32)
    return Examples(values, offsets, labels, np.zeros(len(lengths), np.uint64), 1)


@pytest.mark.parametrize(
    ("length", "width"), [(0, 8), (1, 8), (8, 8), (9, 16), (64, 64), (65, 96), (256, 256)]
)
def test_padding(length, width):
    batch = padded(examples_of([length, min(length, 2)]), np.array([1, 0]))
    assert batch.dtype == np.int32
    assert batch.shape == (2, width)
    assert batch[1].tolist() == [1] * length + [0] * (width - length)
    assert batch[0].tolist() == [2] * min(length, 2) + [0] * (width - min(length, 2))


def test_an_epoch_has_every_text_once_and_little_padding():
    lengths = np.random.default_rng(0).integers(1, 65, 1000)
    batches = LengthGroupedBatches(examples_of(lengths), 16, seed=5)
    assert len(batches) == 63
    seen, cells = [], 0
    for index in range(len(batches)):
        token_ids, targets, weights = batches[index]
        assert len(token_ids) == len(targets) == len(weights) <= 16
        seen += [row[0] for row in token_ids]
        cells += token_ids.size
    assert sorted(seen) == list(range(1, 1001))
    assert seen == (batches.rows + 1).tolist()
    assert cells < 1.2 * lengths.sum()


def test_the_seed_fixes_every_epoch():
    examples = examples_of(np.random.default_rng(0).integers(1, 65, 100))
    one, two = (LengthGroupedBatches(examples, 8, seed=1) for _ in range(2))
    first = one.rows.tolist()
    assert two.rows.tolist() == first
    one.on_epoch_end()
    second = one.rows.tolist()
    assert second != first
    two.start_at(1)
    assert two.rows.tolist() == second
    assert LengthGroupedBatches(examples, 8, seed=2).rows.tolist() != first


def test_without_a_seed_batches_go_by_length():
    batches = LengthGroupedBatches(examples_of([3, 1, 2]), 2)
    assert batches.rows.tolist() == [1, 2, 0]
    batches.on_epoch_end()
    assert batches.rows.tolist() == [1, 2, 0]


def test_fewer_steps():
    examples = examples_of([1] * 100)
    assert len(LengthGroupedBatches(examples, 8, seed=0, steps=3)) == 3
    assert len(LengthGroupedBatches(examples, 8, seed=0, steps=50)) == 13
    assert len(LengthGroupedBatches(examples, 8, seed=0, steps=3).rows) == 24


def test_short_epochs_go_on_where_the_last_one_ended():
    examples = examples_of(np.random.default_rng(0).integers(1, 65, 40))
    whole, short = (LengthGroupedBatches(examples, 4, seed=1, steps=n) for n in (None, 4))
    wanted = whole.rows.tolist()
    whole.start_at(1)
    wanted += whole.rows.tolist()
    found = []
    for _ in range(5):
        found += short.rows.tolist()
        short.on_epoch_end()
    assert found == wanted
    short.start_at(2)  # as after an interruption
    assert short.rows.tolist() == wanted[32:48]


def test_lengths_may_differ_after_the_first_two_batches():
    """Keras looks at two batches to know them all."""
    network = keras.Sequential([keras.Input([None], dtype="int32"), keras.layers.Embedding(99, 2)])
    network.add(keras.layers.GlobalAveragePooling1D())
    network.compile("sgd", "mse")
    batches = LengthGroupedBatches(examples_of([3, 3, 3, 3, 20, 20]), 2)
    assert [batches[i][0].shape for i in range(3)] == [(2, 8), (2, 8), (2, 24)]
    assert network.predict(batches.for_keras(), verbose=0).shape == (6, 2)
    history = network.fit(batches.for_keras(), validation_data=batches.for_keras(), verbose=0)
    assert set(history.history) == {"loss", "val_loss"}
