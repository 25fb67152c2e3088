"""The promise of a cascade: sizes, bound, and that it is kept."""

import numpy as np
import pytest
from pytest import approx
from scipy.stats import binom

from model.engines.agreement import GRID, Settled, fewest_rows, lower_bound, sample_size, settle


@pytest.mark.parametrize(
    "agreement, rows, expected",
    [
        (0.99, None, 3000),
        (0.99, 1_000_000, 3000),
        (0.99, 7600, 1900),
        (0.99, 1196, 299),
        (0.99, 1195, 0),
        (0.95, None, 600),
        (0.9, None, 300),
        (0.999, None, 30_000),
    ],
)
def test_the_sample_is_as_large_as_the_bound_needs(agreement, rows, expected):
    assert sample_size(agreement, rows) == expected


def test_the_fewest_rows_that_show_it():
    assert fewest_rows(0.99) == 299
    assert 0.99**299 <= 0.05 < 0.99**298
    assert lower_bound(299, 299) >= 0.99 > lower_bound(298, 298)


@pytest.mark.parametrize("agreement", [0.9, 0.99, 0.999])
def test_half_the_disagreement_that_is_allowed_passes_in_nine_of_ten_draws(agreement):
    rows, allowed = sample_size(agreement), 1 - agreement
    passing = max(k for k in range(100) if lower_bound(rows - k, rows) >= agreement)
    assert binom.cdf(passing, rows, allowed / 2) > 0.9
    assert binom.cdf(passing, rows, allowed) <= 0.05


@pytest.mark.parametrize("agreeing, rows", [(299, 300), (280, 300), (1, 10), (10, 10)])
def test_the_bound_is_where_so_much_is_seen_once_in_twenty_times(agreeing, rows):
    assert binom.sf(agreeing - 1, rows, lower_bound(agreeing, rows)) == approx(0.05)


def test_a_sample_in_which_nobody_agrees_bounds_nothing():
    assert lower_bound(0, 10) == 0


def test_the_grid_is_fixed():
    assert len(GRID) == 100
    assert list(GRID) == sorted(GRID, reverse=True)
    assert (GRID[0], GRID[50], GRID[-1]) == (0.9999, 0.9895, 0.0)


def test_the_last_threshold_before_the_first_failure():
    scores = np.array([0.95] * 500 + [0.7] * 300 + [0.3] * 200, np.float32)
    agrees = np.ones(1000, bool)
    agrees[[0, 1]] = agrees[500:530] = False  # 2 disagree above 0.9, 30 more between 0.5 and 0.9
    threshold = min(one for one in GRID if one > 0.7)
    assert settle(scores, agrees, 0.99) == Settled(
        threshold, 1000, 2, approx(lower_bound(998, 1000)), 0.5
    )
    assert lower_bound(998, 1000) == approx(0.9937, abs=1e-4)


def test_what_lies_behind_a_failure_is_not_looked_at():
    """Further down the share of disagreements can't fall: it is of all rows."""
    scores = np.array([0.9] * 400 + [0.2] * 1600, np.float32)
    agrees = np.arange(2000) >= 200
    assert settle(scores, agrees, 0.99).threshold is None


def test_models_that_always_agree_need_no_second_look():
    found = settle(np.full(300, 0.4, np.float32), np.ones(300, bool), 0.99)
    assert found == Settled(0.0, 300, 0, approx(0.05 ** (1 / 300)), 0.0)


@pytest.mark.parametrize("rows", [0, 298])
def test_too_few_rows_show_nothing(rows):
    found = settle(np.ones(rows, np.float32), np.ones(rows, bool), 0.99)
    assert found == Settled(None, rows, 0, 1.0, 1.0)


def _half(draw, allowed, rows=20_000):
    """A half could be kept: below a score of 0.45 the two often disagree."""
    scores = draw.uniform(0, 1, rows).astype(np.float32)
    return scores, draw.random(rows) >= np.where(scores > 0.45, 0.4 * allowed, 0.3)


def _trap(draw, allowed, rows=20_000):
    """At 0.9 the promise is broken by a little: the hardest case to see."""
    scores = np.repeat(np.float32([0.99, 0.9]), rows // 2)
    agrees = np.ones(rows, bool)
    agrees[rows // 2 : rows // 2 + int(1.02 * allowed * rows)] = False
    return scores, agrees


@pytest.mark.parametrize("agreement", [0.95, 0.99])
@pytest.mark.parametrize("population, saved", [(_half, 0.5), (_trap, 0.5)])
def test_the_promise_is_kept_in_95_of_100_draws_and_something_is_saved(
    population, saved, agreement
):
    draw = np.random.default_rng(17)
    scores, agrees = population(draw, 1 - agreement)
    kept, own = [], []
    for _ in range(400):
        rows = draw.choice(len(scores), sample_size(agreement), replace=False)
        found = settle(scores[rows], agrees[rows], agreement)
        is_own = scores >= np.float32(2 if found.threshold is None else found.threshold)
        kept.append((is_own & ~agrees).mean() <= 1 - agreement)
        own.append(is_own.mean())
    assert np.mean(kept) >= 0.95
    assert np.median(own) >= saved
    assert np.mean(np.array(own) > 0) > 0.99
