"""Fitting a calibration: to answers whose true probabilities are known."""

import numpy as np
import pytest

from model.networks.calibration import calibrated
from model.training.calibrating import fit_calibration
from model.training.measures import calibration_error, measure


def answers(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """True probabilities of four labels, and labels drawn from them."""
    draw = np.random.default_rng(seed)
    true = draw.dirichlet([0.12] * 4, rows)
    gold = (true.cumsum(axis=1) > draw.random((rows, 1))).argmax(axis=1)
    return true, gold


def test_the_error_by_hand():
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.3, 0.7], [0.31, 0.69]])
    # Two bins of fifteen: 0.95 with one of two right, 0.695 with both right.
    found = calibration_error(probabilities, np.array([0, 1, 1, 1]))
    assert found == pytest.approx((2 * 0.45 + 2 * 0.305) / 4)
    assert measure(probabilities, np.array([0, 1, 1, 1]), ["a", "b"])["calibration_error"] == found
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


@pytest.mark.parametrize("distortion", ["smoothed", "too sure", "too modest"])
def test_true_probabilities_are_found_again(distortion):
    true, gold = answers(4000)
    power = {"smoothed": 1.0, "too sure": 2.0, "too modest": 0.5}[distortion]
    shown = true**power / (true**power).sum(axis=1, keepdims=True)
    if distortion == "smoothed":
        shown = 0.9 * shown + 0.025
    calibration = fit_calibration(shown, gold)
    assert calibration["rows"] == 4000
    assert calibration["error_before"] > 0.03
    assert calibration["error_after"] < calibration_error(true, gold) + 0.008  # that of the truth
    assert np.abs(calibrated(shown, calibration) - true).mean() < 0.01
    if distortion == "smoothed":
        assert calibration["floor"] == pytest.approx(0.025, abs=0.003)


def test_what_is_right_already_stays():
    true, gold = answers(4000)
    calibration = fit_calibration(true, gold)
    assert np.abs(calibrated(true, calibration) - true).mean() < 0.01


def test_a_few_rows_that_all_are_right_prove_no_certainty():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    found = calibrated(probabilities, fit_calibration(probabilities, np.array([0, 1, 0])))
    assert (found.argmax(axis=1) == [0, 1, 0]).all()
    assert found.max() < 0.995
    one = fit_calibration(probabilities[:1], np.array([1]))
    assert np.isfinite(calibrated(probabilities[:1], one)).all()
