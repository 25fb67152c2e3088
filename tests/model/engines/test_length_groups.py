"""Batches of texts of one length under a token budget."""

import numpy as np

from model.engines.length_groups import cut_batches, pad


def spread(lengths):
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return np.arange(1, offsets[-1] + 1, dtype=np.int32), offsets


def test_batches_go_from_long_to_short_within_the_budget():
    lengths = np.array([9, 1, 30, 2, 8, 3])
    batches = [list(batch) for batch in cut_batches(lengths, 16)]
    assert batches == [[2], [0], [4, 5], [3, 1]]


def test_what_is_left_goes_by_powers_of_two():
    batches = [len(batch) for batch in cut_batches(np.full(27, 4), 8 * 4)]
    assert batches == [8, 8, 8, 2, 1]


def test_shapes_repeat_from_table_to_table():
    draw = np.random.default_rng(4)
    shapes = set()
    for _ in range(50):
        lengths = np.clip(draw.normal(40, 10, 2_000).astype(int), 1, 100)
        values, offsets = spread(lengths)
        shapes |= {pad(values, offsets, rows).shape for rows in cut_batches(lengths, 4096)}
    # 25 padded lengths with a full batch each, and 9 powers of two at the shortest few.
    assert len(shapes) < 25 + 9 * 5


def test_every_text_is_in_one_batch_that_fits():
    draw = np.random.default_rng(3)
    lengths = draw.integers(0, 120, 1000)
    batches = list(cut_batches(lengths, 512))
    assert sorted(np.concatenate(batches)) == list(range(1000))
    for batch in batches:
        padded = len(batch) * max(4, -(-lengths[batch].max() // 4) * 4)
        assert padded <= 512 or len(batch) == 1
    assert list(cut_batches(np.array([], int), 512)) == []


def test_pad():
    values, offsets = spread([2, 0, 5])
    assert pad(values, offsets, np.array([2, 0])).tolist() == [
        [3, 4, 5, 6, 7, 0, 0, 0],
        [1, 2, 0, 0, 0, 0, 0, 0],
    ]
    assert pad(values, offsets, np.array([1])).tolist() == [[0, 0, 0, 0]]
