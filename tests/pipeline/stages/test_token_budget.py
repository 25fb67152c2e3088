"""Batches under a token budget, and models that fail."""

import numpy as np
import pytest

from model.engines.length_groups import cut_batches, pad
from pipeline.stages.batches import Scorer


def spread(lengths):
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return np.arange(1, offsets[-1] + 1, dtype=np.int32), offsets


def sums(token_ids):
    """An engine whose first probability tells the sum of a text's ids."""
    return np.stack([token_ids.sum(1), (token_ids > 0).sum(1)], 1).astype(np.float32)


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


@pytest.mark.parametrize("budget", [1, 16, 64, 10_000])
def test_every_text_gets_its_own_result(budget):
    lengths = [3, 0, 17, 4, 4, 9]
    values, offsets = spread(lengths)
    scores, failures, counts = Scorer(sums, budget).score(values, offsets, 2)
    ends = np.cumsum(lengths)
    expected = [values[end - length : end].sum() for end, length in zip(ends, lengths, strict=True)]
    assert scores[:, 0].tolist() == expected and scores[:, 1].tolist() == lengths
    assert failures == {} and counts["batches"] >= 1


def test_bad_rows_stand_alone():
    values, offsets = spread([2] * 9)
    poison = {values[offsets[2]], values[offsets[7]]}

    def engine(token_ids):
        if poison & set(token_ids.ravel().tolist()):
            raise ValueError("poison\nand a long trace")
        return sums(token_ids)

    scores, failures, _ = Scorer(engine, 1000).score(values, offsets, 2)
    assert failures == {2: "ValueError: poison", 7: "ValueError: poison"}
    assert np.isnan(scores[[2, 7]]).all() and np.isfinite(np.delete(scores, [2, 7], 0)).all()


def test_probabilities_that_are_no_numbers_are_failures():
    values, offsets = spread([1, 1])

    def engine(token_ids):
        return np.where(token_ids[:, :1] == 2, np.nan, [[0.5, 0.5]]).astype(np.float32)

    _, failures, _ = Scorer(engine, 1000).score(values, offsets, 2)
    assert failures == {1: "its probabilities are no numbers"}


def test_out_of_memory_halves_the_batch_and_the_budget():
    values, offsets = spread([4] * 64)
    sizes = []

    def engine(token_ids):
        sizes.append(token_ids.size)
        if token_ids.size > 40:
            raise MemoryError
        return sums(token_ids)

    scorer = Scorer(engine, 256)
    scores, failures, _ = scorer.score(values, offsets, 2)
    assert failures == {} and np.isfinite(scores).all()
    assert scorer.batch_tokens == 32
    sizes.clear()
    scorer.score(values, offsets, 2)
    assert max(sizes) == 32
