"""Label sets: literal numbers, a plain loop as the oracle, and the promise under repeated draws."""

import math

import numpy as np
import pytest

from model.label_sets import conformal_scores, label_sets, least_probability


def answers(draw, rows: int, labels: int = 4, sharpness: float = 0.3):
    """Probabilities of a network that is too sure of itself, and labels drawn from true ones."""
    true = draw.dirichlet([sharpness] * labels, rows)
    gold = (true.cumsum(axis=1) > draw.random((rows, 1))).argmax(axis=1)
    shown = true**1.5
    return (shown / shown.sum(axis=1, keepdims=True)).astype(np.float32), gold


def oracle(probabilities, gold, coverage, new) -> list[set[int]]:
    """Split conformal prediction word for word, in plain loops."""

    def score(row, label):
        best = max(range(len(row)), key=lambda one: row[one])
        return 0.0 if label == best else 1 - float(row[label])

    scores = sorted(score(row, label) for row, label in zip(probabilities, gold, strict=True))
    place = 1
    while place / (len(scores) + 1) < coverage - 1e-12:
        place += 1
    bound = scores[place - 1]
    return [{label for label in range(len(row)) if score(row, label) <= bound} for row in new]


def sets_of(probabilities, least) -> list[list[int]]:
    flat, sizes = label_sets(probabilities, least)
    return [part.tolist() for part in np.split(flat, np.cumsum(sizes)[:-1])]


def test_scores_are_the_mistakes():
    probabilities = np.array([[0.7, 0.3], [0.6, 0.4], [0.25, 0.75], [0.5, 0.5]], np.float32)
    found = conformal_scores(probabilities, np.array([0, 1, 0, 1]))
    assert found == {"rows": 4, "mistakes": [0.5, 0.4, 0.25]}
    assert [np.float32(one) for one in found["mistakes"]] == [
        *(np.float32(0.5), np.float32(0.4)),
        np.float32(0.25),
    ]


def test_the_place_among_the_scores():
    scores = {"rows": 19, "mistakes": [0.3, 0.2, 0.1]}  # 16 scores of 0, then 0.7, 0.8, 0.9
    assert least_probability(scores, 0.95) == 0.1  # the 19th of 19: 0.95 * 20, not a bit more
    assert least_probability(scores, 0.9) == 0.2
    assert least_probability(scores, 0.85) == 0.3
    assert least_probability(scores, 0.8) == math.inf
    assert least_probability(scores, 0.01) == math.inf


@pytest.mark.parametrize(
    ("coverage", "fewest"), [(0.95, 19), (0.9, 9), (0.99, 99), (0.5, 1), (0.999, 999)]
)
def test_too_few_rows_for_a_promise(coverage, fewest):
    assert least_probability({"rows": fewest, "mistakes": [0.25] * fewest}, coverage) == 0.25
    with pytest.raises(
        ValueError,
        match=f"takes {fewest:,} rows held out for label sets, and there are {fewest - 1}",
    ):
        least_probability({"rows": fewest - 1, "mistakes": []}, coverage)


def test_sets_begin_with_the_label_and_fall():
    probabilities = np.array(
        [[0.1, 0.6, 0.3, 0.0], [0.25, 0.25, 0.25, 0.25], [0.05, 0.05, 0.05, 0.85]], np.float32
    )
    assert sets_of(probabilities, 0.3) == [[1, 2], [0], [3]]
    assert sets_of(probabilities, 0.25) == [[1, 2], [0, 1, 2, 3], [3]]
    assert sets_of(probabilities, math.inf) == [[1], [0], [3]]
    assert sets_of(probabilities, 0.0)[2] == [3, 0, 1, 2]
    flat, sizes = label_sets(np.zeros((0, 4), np.float32), 0.5)
    assert (len(flat), len(sizes)) == (0, 0)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("labels", [2, 4, 30])
def test_the_same_as_a_plain_loop(coverage, labels):
    draw = np.random.default_rng([7, labels])
    probabilities, gold = answers(draw, 300, labels)
    new, _ = answers(draw, 200, labels)
    scores = conformal_scores(probabilities, gold)
    found = sets_of(new, least_probability(scores, coverage))
    assert [set(one) for one in found] == oracle(probabilities, gold, coverage, new)
    assert [one[0] for one in found] == new.argmax(axis=1).tolist()
    for row, one in zip(new, found, strict=True):
        assert (np.diff(row[one]) <= 0).all()


@pytest.mark.parametrize("coverage", [0.9, 0.95])
def test_the_promise_is_kept_in_repeated_draws(coverage):
    """Over draws of held-out rows coverage is k / (n + 1), within binomial bounds."""
    draw = np.random.default_rng(11)
    rows, new_rows, draws = 199, 100, 300
    covered, sizes, right = [], [], []
    for _ in range(draws):
        probabilities, gold = answers(draw, rows + new_rows)
        scores = conformal_scores(probabilities[:rows], gold[:rows])
        new, true = probabilities[rows:], gold[rows:]
        flat, size = label_sets(new, least_probability(scores, coverage))
        hits = flat == np.repeat(true, size)
        covered.append(hits.sum() / new_rows)
        sizes.append(size.mean())
        right.append((new.argmax(axis=1) == true).mean())
    expected = math.ceil((rows + 1) * coverage) / (rows + 1)
    # One draw varies as a Beta of its rows and a binomial of the new ones.
    variance = expected * (1 - expected) * (1 / (rows + 2) + 1 / new_rows)
    assert np.mean(right) < coverage - 0.05  # the labels alone would break it
    assert np.mean(covered) == pytest.approx(expected, abs=4 * (variance / draws) ** 0.5)
    assert 1 < np.mean(sizes) < 3


def test_where_the_labels_alone_are_enough_no_set_has_two():
    draw = np.random.default_rng(3)
    probabilities, gold = answers(draw, 1000, sharpness=0.02)
    assert (probabilities.argmax(axis=1) == gold).mean() > 0.95
    least = least_probability(conformal_scores(probabilities, gold), 0.9)
    assert least == math.inf and (label_sets(probabilities, least)[1] == 1).all()
