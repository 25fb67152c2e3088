"""Means over windows, by an engine of literal numbers; and how much is in memory at a time."""

import numpy as np
import pyarrow as pa
import pytest

from model.engines import windows
from model.engines.scorer import Scorer
from model.engines.windows import (
    WindowScorer,
    check_stride,
    count_window_tokens,
    count_windows,
    default_stride,
)
from model.tokenizers.pieces import UncutTokenizer

SEES = 6  # [CLS], four tokens, [SEP]


def tokenize(texts):
    """Numbers are their own ids; 101 before and 102 behind, as WordPiece has it."""
    words = [[int(word) for word in text.as_py().split()] for text in texts]
    ids = [[101, *some[: SEES - 2], 102] for some in words]
    return pa.array(ids, pa.list_(pa.int32())), pa.array([len(w) + 2 for w in words], pa.int32())


class Engine:
    """The first token of a window's own is its probability, in percent; remembers what it saw."""

    def __init__(self):
        self.seen, self.most = [], 0

    def __call__(self, token_ids):
        self.most = max(self.most, token_ids.size)
        self.seen += [[int(one) for one in row if one] for row in token_ids]
        if (token_ids == 66).any():
            raise ValueError("sixty-six")
        yes = token_ids[:, 1] / np.float32(100)
        return np.stack([1 - yes, yes], axis=1).astype(np.float32)


def score(texts, firsts, stride, engine=None, budget=64):
    scorer = Scorer(engine or Engine(), budget)
    uncut = UncutTokenizer(tokenize, "wordpiece", SEES)
    first = np.array([[1 - yes, yes] for yes in firsts], np.float32)
    return WindowScorer(uncut, scorer, 2, SEES, stride)(pa.array(texts), first)


def test_each_token_counts_once():
    engine = Engine()
    found = score(["10 20 30 40 50", "10 20 30 40 50 60 70 80 90"], [0.1, 0.1], 3, engine)
    assert engine.seen == [
        [101, 40, 50, 60, 70, 102],
        [101, 70, 80, 90, 102],
        [101, 40, 50, 102],
    ]
    assert found.windows.tolist() == [2, 3]
    # Four tokens of the first window, then those that are new: 1; and 3 and 2.
    expected = [(4 * 0.1 + 1 * 0.4) / 5, (4 * 0.1 + 3 * 0.4 + 2 * 0.7) / 9]
    assert found.probabilities[:, 1] == pytest.approx(expected, abs=1e-6)
    assert found.probabilities.dtype == np.float32
    assert found.counts["scored_tokens"] == 6 + 5 + 4


def test_windows_may_touch_and_the_last_one_ends_with_the_text():
    engine = Engine()
    found = score(["1 2 3 4 5 6 7 8"], [0.01], 4, engine)
    assert engine.seen == [[101, 5, 6, 7, 8, 102]]
    assert found.windows.tolist() == [2]
    with pytest.raises(ValueError, match="5 leaves gaps between windows of 4 tokens"):
        check_stride(5, SEES, 2)
    check_stride(4, SEES, 2)


def test_a_window_on_which_the_model_fails_fails_its_text_alone():
    found = score(["1 2 3 4 66 6", "1 2 3 4 5 6 7", "66 1 2 3 4"], [0.1, 0.1, 0.2], 2)
    assert list(found.failures) == [0]
    assert found.failures[0] == "ValueError: sixty-six"
    assert np.isnan(found.probabilities).all(axis=1).tolist() == [True, False, False]


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_counts_are_those_of_the_windows(stride):
    for own in range(5, 30):
        engine = Engine()
        found = score([" ".join(map(str, range(1, own + 1)))], [0.5], stride, engine)
        tokens = np.array([own + 2])
        assert count_windows(tokens, SEES, stride).tolist() == found.windows.tolist()
        assert count_window_tokens(tokens, SEES, stride)[0] == SEES + sum(map(len, engine.seen))
        seen = {one for ids in engine.seen for one in ids}
        assert set(range(1 + stride, own + 1)) <= seen


def test_counts_of_texts_that_fit():
    assert count_windows(np.array([0, 2, 6]), SEES, 3).tolist() == [1, 1, 1]
    assert count_window_tokens(np.array([0, 2, 6]), SEES, 3).tolist() == [0, 2, 6]
    assert [default_stride(most) for most in (3, 16, 256)] == [1, 8, 128]


def test_memory_does_not_grow_with_a_text(monkeypatch):
    groups = []
    score_group = Scorer.score

    def watched(self, values, offsets, labels):
        groups.append(len(values))
        return score_group(self, values, offsets, labels)

    monkeypatch.setattr(Scorer, "score", watched)
    monkeypatch.setattr(windows, "TOKENS_AT_A_TIME", 6_000)
    long = "7 8 9 10 " * 5_000
    found = score([long, long + "7"], [0.07, 0.07], 4, budget=600)
    assert found.windows.tolist() == [5_000, 5_001]
    assert found.probabilities[:, 1] == pytest.approx([0.07, 0.07], abs=1e-6)
    assert max(groups) < 6_000 + SEES and len(groups) == 10


def test_no_texts():
    found = score([], np.zeros(0), 2)
    assert found.probabilities.shape[0] == 0 and found.counts["batches"] == 0
