"""Probabilities to believe: a map that leaves the order of each row's labels as it is.

A network that learned smoothed labels never says more than 1 - s + s/K, however sure it may be, and
hardly ever less than s/K of a label: no temperature undoes that. The map takes such a floor off
each probability, then sharpens what is left and makes it add up to 1 again. It is the same rising
function of every label's probability, so it keeps their order (Rahimi et al., "Intra
Order-preserving Functions for Calibration of Multi-Class Neural Networks", 2020). With a floor of
nearly 0 it is the temperature of Guo et al., "On Calibration of Modern Neural Networks", 2017.

NumPy only; `xp` may also be `keras.ops`, so that graphs and figures have one formula.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

LEAST = 1e-12  # probabilities below it count as this


def calibrated(probabilities: Any, calibration: Mapping[str, Any] | None, xp: Any = np) -> Any:
    """The probabilities that a network's own ones stand for.

    Args:
        probabilities: float [..., labels].
        calibration: What `bundle.json` calls so. `floor`, above 0: taken off each probability p;
            `sharpness`, above 0: the power of what is left; `bend`, above 0: from floor * (1 +
            bend) down, log(p - floor) goes on as its tangent over log(p), so that it always rises.
            None leaves them as they are.
        xp: `numpy` or `keras.ops`.

    Returns:
        float [..., labels].
    """
    if calibration is None:
        return probabilities
    sharpness, floor, bend = (float(calibration[name]) for name in ("sharpness", "floor", "bend"))
    known = xp.maximum(probabilities, LEAST)
    knee = floor * (1 + bend)
    above = xp.log(xp.maximum(known - floor, floor * bend))
    slope = (1 + bend) / bend
    below = float(np.log(floor * bend) - slope * np.log(knee)) + slope * xp.log(known)
    scores = sharpness * xp.where(known > knee, above, below)
    powers = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    return powers / xp.sum(powers, axis=-1, keepdims=True)
