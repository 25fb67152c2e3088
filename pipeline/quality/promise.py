"""What two models say of a sample of texts, and the threshold that follows from it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from model.engines.agreement import fewest_rows, settle


class Answers(NamedTuple):
    """What two models say of texts.

    Attributes:
        rows: of the corpus, from which the texts were drawn.
        scores: float32 [texts], the small model's; NaN where it failed.
        agrees: bool [texts], whether the large model gives the same label.
        seconds: float [2], what each model took.
    """

    rows: int
    scores: np.ndarray
    agrees: np.ndarray
    seconds: np.ndarray


def together(answers: Iterable[Answers]) -> Answers:
    """The answers on all texts."""
    every = list(answers)
    if not every:
        return Answers(0, np.zeros(0, np.float32), np.zeros(0, bool), np.zeros(2))
    return Answers(
        max(one.rows for one in every),
        np.concatenate([one.scores for one in every]),
        np.concatenate([one.agrees for one in every]),
        np.sum([one.seconds for one in every], axis=0),
    )


def threshold_of(answers: Answers, agreement: float) -> dict[str, Any]:
    """What is saved of the threshold, and stands in the manifest.

    Args:
        answers: on the sample.
        agreement: the promise.

    Returns:
        As JSON values: `agreement`, and what `model.engines.agreement.Settled` has; `fewest` rows
        that could show the promise; `rows` of the corpus with a text; `cost`: what the run will
        take of the large model's time for all rows, the sample included and loading left out, as
        `model.cascade` has it, None without a sample.
    """
    labelled = ~np.isnan(answers.scores)
    settled = settle(answers.scores[labelled], answers.agrees[labelled], agreement)
    small, large = answers.seconds
    cost = None
    if large:
        drawn = len(answers.scores) / answers.rows
        cost = round(float((1 + drawn) * small / large + drawn + settled.passed_on), 3)
    return {
        "agreement": agreement,
        **settled._asdict(),
        "fewest": fewest_rows(agreement),
        "rows": answers.rows,
        "cost": cost,
    }
