"""Batches on which the model fails, and what is counted."""

import numpy as np
import pytest

from model.engines.scorer import Scorer, is_out_of_memory


def texts(lengths: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids and offsets; the ids of text number n are all n + 2."""
    values = np.repeat(np.arange(len(lengths)) + 2, lengths).astype(np.int32)
    return values, np.concatenate([[0], np.cumsum(lengths)])


class Engine:
    """Answers with the first token id of each row; fails where it shall."""

    def __init__(self, fails):
        self.fails = fails
        self.shapes: list[tuple[int, int]] = []

    def __call__(self, token_ids: np.ndarray) -> np.ndarray:
        self.shapes.append(token_ids.shape)
        self.fails(token_ids)
        first = token_ids[:, :1].astype(np.float32)
        return np.concatenate([first, -first], axis=1)


def sums(token_ids):
    """An engine whose first probability tells the sum of a text's ids."""
    return np.stack([token_ids.sum(1), (token_ids > 0).sum(1)], 1).astype(np.float32)


@pytest.mark.parametrize("budget", [1, 16, 64, 10_000])
def test_every_text_gets_its_own_result(budget):
    lengths = [3, 0, 17, 4, 4, 9]
    values = np.arange(1, sum(lengths) + 1, dtype=np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    scores, failures, counts = Scorer(sums, budget).score(values, offsets, 2)
    ends = np.cumsum(lengths)
    expected = [values[end - length : end].sum() for end, length in zip(ends, lengths, strict=True)]
    assert scores[:, 0].tolist() == expected and scores[:, 1].tolist() == lengths
    assert failures == {} and counts["batches"] >= 1


def test_bad_rows_stand_alone_in_the_end():
    def fails(token_ids):
        if np.isin(token_ids, [5, 11]).any():
            raise ValueError("cannot take this\nand a long story")

    engine = Engine(fails)
    scores, failures, counts = Scorer(engine, 1000).score(*texts([4] * 16), 2)
    assert failures == {3: "ValueError: cannot take this", 9: "ValueError: cannot take this"}
    assert np.isnan(scores[[3, 9]]).all()
    rest = [row for row in range(16) if row not in (3, 9)]
    assert scores[rest, 0].tolist() == [row + 2 for row in rest]
    assert counts == {"batches": 1, "padded_tokens": 64}
    assert len(engine.shapes) < 2 * 16


def test_every_row_bad():
    def fails(token_ids):
        raise RuntimeError("")

    engine = Engine(fails)
    scores, failures, _ = Scorer(engine, 1000).score(*texts([1, 5, 9]), 2)
    assert failures == dict.fromkeys(range(3), "RuntimeError: ")
    assert np.isnan(scores).all()


@pytest.mark.parametrize("result", [np.nan, np.inf])
def test_probabilities_that_are_no_numbers(result):
    def answer(token_ids):
        scores = np.ones((len(token_ids), 2), np.float32)
        scores[token_ids[:, 0] == 3, 1] = result
        return scores

    _, failures, _ = Scorer(answer, 1000).score(*texts([2, 2, 2]), 2)
    assert failures == {1: "its probabilities are no numbers"}


def test_out_of_memory_halves_the_batch_and_the_budget_for_good():
    def fails(token_ids):
        if token_ids.size > 100:
            raise MemoryError

    engine = Engine(fails)
    scorer = Scorer(engine, 256)
    scores, failures, _ = scorer.score(*texts([4] * 64), 2)
    assert not failures
    assert scores[:, 0].tolist() == list(range(2, 66))
    assert engine.shapes == [(64, 4), (32, 4), (16, 4), (16, 4), (32, 4), (16, 4), (16, 4)]
    assert scorer.batch_tokens == 64
    engine.shapes.clear()
    scorer.score(*texts([4] * 64), 2)
    assert engine.shapes == [(16, 4)] * 4


def test_a_row_that_never_fits_is_a_row_in_error():
    def fails(token_ids):
        if token_ids.size > 100:
            raise RuntimeError("CUDA: out of memory")

    scorer = Scorer(Engine(fails), 256)
    _, failures, _ = scorer.score(*texts([4, 200, 4]), 2)
    assert failures == {1: "RuntimeError: CUDA: out of memory"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("OOM: Out of memory allocating 5 bytes"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("Failed to allocate memory"), True),
        (type("ResourceExhaustedError", (Exception,), {})("tensor too large"), True),
        (ValueError("shapes differ"), False),
    ],
)
def test_is_out_of_memory(error, expected):
    assert is_out_of_memory(error) == expected
