"""The threshold that follows from what two models say of a sample."""

import numpy as np
from pytest import approx

from model.engines.agreement import settle
from pipeline.quality.promise import Answers, threshold_of, together


def test_a_large_model_that_fails_agrees_with_nobody_and_a_small_one_has_no_say():
    answers = Answers(
        4000,
        np.array([0.9] * 900 + [np.nan] * 100, np.float32),
        np.arange(1000) >= 2,
        np.array([1.0, 10.0]),
    )
    found = threshold_of(answers, 0.99)
    expected = settle(answers.scores[:900], answers.agrees[:900], 0.99)
    assert found == {
        "agreement": 0.99,
        **expected._asdict(),
        "fewest": 299,
        "rows": 4000,
        "cost": approx(1.25 * 0.1 + 0.25),
    }
    assert (found["threshold"], found["disagreements"], found["passed_on"]) == (0.0, 2, 0.0)


def test_answers_add_up():
    one = Answers(10, np.float32([0.5]), np.array([True]), np.array([1.0, 2.0]))
    found = together([one, one])
    assert found.rows == 10 and found.scores.tolist() == [0.5, 0.5]
    assert found.agrees.tolist() == [True, True] and found.seconds.tolist() == [2, 4]
    assert together([]).rows == 0
