"""Rows drawn at random: uniform, repeatable, the same however the corpus is cut."""

import numpy as np
import pyarrow as pa
from pytest import approx

from pipeline.corpus.drawing import NOTHING, draw, lowest, row_keys


def _documents(first, last, without=()):
    texts = [None if row in without else f"text {row}" for row in range(first, last)]
    rows = {"text": pa.array(texts, pa.string()), "source_row": pa.array(range(first, last))}
    return pa.table(rows)


def _drawn(cuts, most, without=(), seed="plan", before=False):
    keys, draws = np.zeros(0, np.uint64), []
    for first, last in cuts:
        found = draw(_documents(first, last, without), "a.parquet", seed, keys, most)
        keys = np.sort(np.concatenate([keys, found.keys]))[:most] if before else keys
        draws.append(found)
    return lowest(draws, most)


def test_the_draw_is_the_same_however_the_corpus_is_cut_and_in_any_order():
    whole = _drawn([(0, 1000)], 50)
    assert len(set(whole.texts.to_pylist())) == 50
    assert whole.rows == 1000
    for cuts in ([(0, 300), (300, 301), (301, 1000)], [(700, 1000), (0, 700)]):
        for before in (False, True):
            found = _drawn(cuts, 50, before=before)
            assert found.texts.equals(whole.texts) and found.rows == 1000
            assert (found.keys == whole.keys).all()


def test_combining_what_was_combined_changes_nothing():
    parts = [_drawn([(start, start + 100)], 20) for start in range(0, 1000, 100)]
    found = lowest([lowest(parts[:3], 20), lowest(parts[3:], 20), NOTHING], 20)
    assert found.texts.equals(_drawn([(0, 1000)], 20).texts)
    assert found.rows == 1000


def test_another_plan_or_source_draws_other_rows():
    assert _drawn([(0, 1000)], 20).texts != _drawn([(0, 1000)], 20, seed="other").texts
    rows = np.arange(100)
    assert not set(row_keys("plan", "a", rows)) & set(row_keys("plan", "b", rows))


def test_rows_in_error_are_not_drawn():
    found = _drawn([(0, 100)], 80, without=set(range(0, 100, 2)))
    assert found.rows == len(found.texts) == 50
    assert all(int(text.split()[1]) % 2 for text in found.texts.to_pylist())


def test_nothing_can_be_drawn_of_nothing():
    assert _drawn([(0, 0)], 10).rows == 0
    assert lowest([], 10).texts.to_pylist() == []


def test_every_row_is_as_likely_as_any_other():
    """Over 2,000 plans each of 100 rows is drawn in a fifth of the cases, neighbours too."""
    counts, pairs = np.zeros(100), 0
    for seed in range(2000):
        rows = np.argsort(row_keys(str(seed), "a", np.arange(100)))[:20]
        counts[rows] += 1
        pairs += (np.diff(np.sort(rows)) == 1).sum()
    assert counts.mean() == 400
    assert ((counts - 400) ** 2 / (400 * 0.8)).sum() < 135  # chi-squared, 99 degrees: 1 in 100
    assert pairs / 2000 == approx(99 * (20 * 19) / (100 * 99), rel=0.05)
