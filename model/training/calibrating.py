"""Finds the calibration of a network from rows that it was not trained on; NumPy only."""

from typing import Any

import numpy as np

from model.networks.calibration import LEAST, calibrated
from model.training.measures import calibration_error

ROWS = 20_000  # more of them don't make three numbers any better
# Where the search begins, in the search's own coordinates, and how far from there an answer is
# credible without evidence: standard deviations of a normal prior, which a few hundred rows
# outweigh. It keeps a handful of rows that all are right from asking for certainty.
START = np.array([0.0, -4.0, np.log(0.3)])
SPREAD = np.array([1.0, 2.0, 1.0])
FINEST = 0.005


def fit_calibration(probabilities: np.ndarray, gold: np.ndarray) -> dict[str, Any]:
    """The map under which the true labels are most probable, and what it is worth.

    Args:
        probabilities: float [rows, labels] of rows that the network was not trained on; at least
            one row, and `ROWS` are enough.
        gold: int [rows], indexes of the true labels.

    Returns:
        What `calibrated` takes, and `rows`, `error_before` and `error_after`: the expected
        calibration error, afterwards measured on each half of the rows by the map that the other
        half gives.
    """
    probabilities = probabilities.astype(np.float64)
    halves = np.arange(len(gold)) % 2 == 0
    after = np.empty_like(probabilities)
    for half in (halves, ~halves):
        after[half] = calibrated(probabilities[half], _fit(probabilities[~half], gold[~half]))
    return {
        **_fit(probabilities, gold),
        "rows": len(gold),
        "error_before": calibration_error(probabilities, gold),
        "error_after": calibration_error(after, gold),
    }


def _fit(probabilities: np.ndarray, gold: np.ndarray) -> dict[str, float]:
    rows, labels = probabilities.shape

    def settings(point: np.ndarray) -> dict[str, float]:
        sharpness, floor, bend = point
        return {
            "sharpness": float(np.exp(sharpness)),
            "floor": float(1 / (1 + np.exp(-floor)) / labels),
            "bend": float(np.exp(bend)),
        }

    def cost(point: np.ndarray) -> float:
        of_gold = calibrated(probabilities, settings(point))[np.arange(rows), gold]
        return float(
            -np.log(np.maximum(of_gold, LEAST)).sum() + (((point - START) / SPREAD) ** 2).sum() / 2
        )

    return settings(_search(cost, START, SPREAD / 2))


def _search(cost: Any, point: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Goes downhill along each coordinate in turn, by ever smaller steps.

    Hooke and Jeeves, "Direct Search", 1961, without their pattern moves: three smooth coordinates
    need no more, and it gives the same on every machine.
    """
    least = cost(point)
    while steps.max() > FINEST:
        moved = False
        for axis in range(len(point)):
            for sign in (1, -1):
                tried = point.copy()
                tried[axis] += sign * steps[axis]
                found = cost(tried)
                if found < least:
                    point, least, moved = tried, found, True
                    break
        if not moved:
            steps = steps / 2
    return point
