"""A cascade's threshold from a promise: so many of its labels are those that the large model gives.

No true label is needed. Of rows drawn at random both models' labels are known, and so for every
threshold in how many of them the cascade would say something else than the large model. NumPy and
SciPy only.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import beta

CONFIDENCE = 0.95  # of the promise: how often a draw may be trusted
# From the safest down, closer together the safer they are; the last one keeps every row.
GRID = tuple(float(one) for one in np.round(1 - np.geomspace(1e-4, 1, 100), 4))
# Rows to draw, times the disagreement that is allowed: with so many a threshold at which the two
# disagree half as often as allowed passes the test in more than nine of ten draws.
WANTED = 30
MOST = (
    0.25  # of a corpus' rows: both models label what is drawn, which shall cost less than it saves
)


class Settled(NamedTuple):
    """A threshold, and what was seen of it in the sample.

    Attributes:
        threshold: rows with a lower score are passed on; None if none that saves anything passes.
        sample: rows drawn.
        disagreements: rows of the sample whose label would not be the large model's.
        bound: so large a share of all labels is the large model's, at least.
        passed_on: share of the sample that is passed on.
    """

    threshold: float | None
    sample: int
    disagreements: int
    bound: float
    passed_on: float


def sample_size(agreement: float, rows: int | None = None) -> int:
    """How many rows to draw; 0 if the corpus is too small for a sample that shows anything.

    Args:
        agreement: what is promised, above 0 and below 1.
        rows: what there is to draw from; None if that isn't known.
    """
    wanted = math.ceil(round(WANTED / (1 - agreement), 6))
    if rows is not None:
        wanted = min(wanted, int(rows * MOST))
    return wanted if wanted >= fewest_rows(agreement) else 0


def fewest_rows(agreement: float) -> int:
    """The smallest sample that shows the agreement, if the two models never disagree in it."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(agreement))


def lower_bound(agreeing: int, rows: int) -> float:
    """The least share that a sample leaves credible, by Clopper and Pearson (1934), one-sided.

    Args:
        agreeing: rows of the sample that agree.
        rows: of the sample.
    """
    if agreeing == 0:
        return 0.0
    return float(beta.ppf(1 - CONFIDENCE, agreeing, rows - agreeing + 1))


def settle(scores: np.ndarray, agrees: np.ndarray, agreement: float) -> Settled:
    """The threshold that saves most of those at which the promise is kept.

    The thresholds of `GRID` are tested from the safest down, each by itself, and the last one
    before the first failure is taken. The first at which the promise is broken passes in at most
    one draw of twenty, and without it none behind it is reached: so no correction for many tests
    is needed (Maurer, Hothorn and Lehmacher, 1995: fixed-sequence testing; Angelopoulos et al.,
    "Learn then Test", 2021). A sample without repetition varies less than the binomial says.

    Args:
        scores: float32 [rows], the small model's of rows drawn at random.
        agrees: bool [rows], whether the large model gives the same label.
        agreement: the promise, above 0 and below 1.
    """
    rows = len(scores)
    best = Settled(None, rows, 0, 1.0, 1.0)
    for threshold in GRID:
        kept = scores >= np.float32(threshold)
        disagreements = int(np.count_nonzero(kept & ~agrees))
        bound = lower_bound(rows - disagreements, rows)
        if bound < agreement:
            break
        if kept.any():
            best = Settled(threshold, rows, disagreements, bound, float(1 - kept.mean()))
    return best
