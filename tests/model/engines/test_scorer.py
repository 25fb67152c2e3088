"""Batches on which the model fails, and what is counted."""

import numpy as np
import pytest

from model.engines.scorer import EngineError, Scorer, is_out_of_memory


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
        if token_ids.max() > 1:  # what a sound engine takes is all ones
            raise RuntimeError("")

    scores, failures, _ = Scorer(Engine(fails), 1000).score(*texts([1, 5, 9]), 2)
    assert failures == dict.fromkeys(range(3), "RuntimeError: ")
    assert np.isnan(scores).all()


def test_a_dead_engine_blames_no_row():
    calls = []

    def dies(token_ids):
        calls.append(1)
        if len(calls) > 2:
            raise RuntimeError("CUDA_ERROR_LAUNCH_FAILED\nand a long story")

    scorer = Scorer(Engine(dies), 16)
    message = "^on .* the network fails on a text that is all right: RuntimeError: CUDA"
    with pytest.raises(EngineError, match=message):
        scorer.score(*texts([4] * 16), 2)


def test_a_passing_failure_is_no_rows():
    left = [3]  # two batches of halves, and the row alone

    def fails(token_ids):
        if token_ids.max() == 5 and left[0]:
            left[0] -= 1
            raise RuntimeError("no memory while another thread had it")

    scores, failures, _ = Scorer(Engine(fails), 1000).score(*texts([4] * 4), 2)
    assert left == [0] and failures == {}
    assert scores[:, 0].tolist() == [2, 3, 4, 5]


def test_probabilities_that_are_no_numbers_are_the_rows_only_if_the_engine_is_sound():
    def answers(value, rows):
        def answer(token_ids):
            scores = np.ones((len(token_ids), 2), np.float32)
            scores[np.isin(token_ids[:, 0], rows), 1] = value
            return scores

        return Scorer(answer, 1000)

    for value in (np.nan, np.inf):
        _, failures, _ = answers(value, [3]).score(*texts([2, 2, 2]), 2)
        assert failures == {1: "its probabilities are no numbers"}
        with pytest.raises(EngineError, match="all right: its probabilities are no numbers"):
            answers(value, [1, 3]).score(*texts([2, 2, 2]), 2)


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
