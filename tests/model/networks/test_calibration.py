"""The calibration map: literal numbers, kept order, and one formula for graphs and figures."""

import keras
import numpy as np
import pytest

from model.networks.calibration import calibrated

SMOOTHED = {"sharpness": 1.0, "floor": 0.025, "bend": 0.1}


def test_smoothing_is_undone():
    """Labels smoothed by a tenth over four: what is certain reads 0.925, and 0.025 else."""
    true = np.array([[0.7, 0.2, 0.06, 0.04]])
    found = calibrated(0.9 * true + 0.025, SMOOTHED)
    np.testing.assert_allclose(found, true, rtol=1e-6)


def test_without_a_floor_it_is_a_temperature():
    probabilities = np.array([[0.8, 0.15, 0.05], [0.4, 0.3, 0.3]])
    found = calibrated(probabilities, {"sharpness": 0.5, "floor": 1e-9, "bend": 0.1})
    wanted = np.sqrt(probabilities)
    np.testing.assert_allclose(found, wanted / wanted.sum(axis=1, keepdims=True), rtol=1e-6)


def test_without_a_calibration_nothing_happens():
    probabilities = np.array([[0.8, 0.2]])
    assert calibrated(probabilities, None) is probabilities


@pytest.mark.parametrize("sharpness", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("floor", [1e-6, 0.01, 0.15])
@pytest.mark.parametrize("bend", [0.05, 0.3, 2.0])
def test_the_order_of_labels_is_kept(sharpness, floor, bend):
    draw = np.random.default_rng(5)
    probabilities = draw.dirichlet([0.3] * 5, 2000)
    found = calibrated(probabilities, {"sharpness": sharpness, "floor": floor, "bend": bend})
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-9)
    assert (found.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    by_own = np.take_along_axis(found, probabilities.argsort(axis=1), axis=1)
    assert (np.diff(by_own, axis=1) >= 0).all()


def test_it_rises_without_a_step():
    settings = {"sharpness": 1.0, "floor": 0.02, "bend": 0.2}
    knee = 0.024
    low, at, high = (
        np.log(np.divide(*calibrated(np.array([[p, 0.5]]), settings)[0]))
        for p in (knee * (1 - 1e-6), knee, knee * (1 + 1e-6))
    )
    assert low < at < high
    assert (high - at) / (at - low) == pytest.approx(1, abs=1e-3)  # nor does it bend sharply


def test_graphs_have_the_same_formula():
    probabilities = np.random.default_rng(5).dirichlet([0.3] * 4, 100).astype(np.float32)
    found = calibrated(keras.ops.convert_to_tensor(probabilities), SMOOTHED, keras.ops)
    np.testing.assert_allclose(found, calibrated(probabilities, SMOOTHED), atol=2e-6)
