"""Label sets: the labels that together contain the true one as often as was asked for.

Split conformal prediction (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World",
2005) from rows that neither trained the network nor stopped its training nor calibrated it. A
label's score is 0 if it is the most probable one of its row, else 1 minus its probability; a set
holds the labels whose score is at most that of the k-th lowest true label among n such rows, k =
ceil((n + 1) * coverage). Then a set of a new row holds the true label with at least that
probability, and with at most 1 / (n + 1) more where scores differ.

These are the least ambiguous sets (Sadinle, Lei and Wasserman, "Least Ambiguous Set-Valued
Classifiers with Bounded Error Levels", 2019), but for the most probable label, which is in every
set. Adaptive sets (APS: Romano, Sesia and Candes, 2020) would take in a second label in many rows
whose first is right.

NumPy only.
"""

import json
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from model.bundle.load import Bundle

ROWS = 10_000  # more of them don't make coverage any surer


def conformal_scores(probabilities: np.ndarray, gold: np.ndarray) -> dict[str, Any]:
    """What a bundle keeps of rows that were held out for its label sets.

    Args:
        probabilities: float32 [rows, labels], of rows in no order that matters.
        gold: int [rows], indexes of the true labels.

    Returns:
        `rows`: how many, `ROWS` at most; `mistakes`: of those where another label is the most
        probable one, the true label's probability, the highest first.
    """
    probabilities, gold = probabilities[:ROWS].astype(np.float32), gold[:ROWS]
    missed = np.flatnonzero(probabilities.argmax(axis=1) != gold)
    of_gold = np.sort(probabilities[missed, gold[missed]])[::-1]
    # The shortest digits that are this float32 again: JSON would have twice as many.
    return {"rows": len(gold), "mistakes": [float(str(value)) for value in of_gold]}


def read_scores(bundle: Bundle) -> dict[str, Any] | None:
    """What `conformal_scores` has found for a bundle; None if it keeps nothing of the kind."""
    file = bundle.conformal_file
    if file is None:
        return None
    with open(file, "rb") as stream:
        return json.load(stream)


def least_probability(scores: Mapping[str, Any], coverage: float) -> float:
    """From which probability on a label is in its row's set.

    Args:
        scores: As `conformal_scores` gives them.
        coverage: The share of sets that are to hold the true label, above 0 and below 1.

    Returns:
        A float32's value; infinite where the most probable labels alone are enough.

    Raises:
        ValueError: There are too few rows to promise that.
    """
    rows, mistakes = scores["rows"], scores["mistakes"]
    share = Fraction(str(coverage))  # as it was typed: 0.95 * 20 is 19 and nothing above
    place = math.ceil((rows + 1) * share)
    if place > rows:
        fewest = math.ceil(share / (1 - share))
        raise ValueError(
            f"a coverage of {coverage:g} takes {fewest:,} rows held out for label sets, "
            f"and there are {rows:,}"
        )
    among_mistakes = place - (rows - len(mistakes))
    return math.inf if among_mistakes <= 0 else mistakes[among_mistakes - 1]


def label_sets(probabilities: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """The labels of each row's set, the most probable first.

    Args:
        probabilities: float32 [rows, labels].
        least: As `least_probability` gives it.

    Returns:
        The sets' labels end to end, int [labels of all sets], as indexes, and how many each row
        has, int [rows], 1 at least.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    is_in = np.take_along_axis(probabilities, order, axis=1) >= np.float32(least)
    is_in[:, :1] = True
    return order[is_in], is_in.sum(axis=1)
