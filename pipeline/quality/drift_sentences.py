"""What is said of drift, in plain sentences; they stand in the manifest, the report and the log."""

from typing import Any

import numpy as np

from model.data.corpus_profile import TOKEN_EDGES
from pipeline.quality.stats import LENGTH_BINS

IN_TRAINING, BEFORE = "in the training corpus", "in the run before"
CONFIDENT = 18  # the first bin of confidence that counts as sure: 0.9


def of_labels(labels: list[str], here: np.ndarray, there: np.ndarray, where: str) -> str:
    """The label whose share has changed most.

    Args:
        labels: their names.
        here: the share of each in this run.
        there: the share of each in what it is compared with.
        where: what that is called: `IN_TRAINING` or `BEFORE`.
    """
    if not labels:
        return ""
    widest = int(np.argmax(np.abs(here - there)))
    return f"{labels[widest]} has {here[widest]:.1%} of the labels, but {there[widest]:.1%} {where}"


def of_confidence(here: np.ndarray, there: np.ndarray, where: str) -> str:
    """How many labels are sure; `here` and `there` are histograms."""
    high, low = (counts[CONFIDENT:].sum() / max(counts.sum(), 1) for counts in (here, there))
    return f"{high:.1%} of the labels have a confidence of 0.9 or more, but {low:.1%} {where}"


def of_lengths(here: np.ndarray, there: np.ndarray, where: str) -> str:
    """The length whose share has changed most; `here` and `there` are histograms."""
    here, there = here / max(here.sum(), 1), there / max(there.sum(), 1)
    widest = int(np.argmax(np.abs(here - there)))
    last = f"to {TOKEN_EDGES[widest + 1] - 1}" if widest + 1 < LENGTH_BINS else "and more"
    return (
        f"{here[widest]:.1%} of the texts have {TOKEN_EDGES[widest]} {last} tokens, "
        f"but {there[widest]:.1%} {where}"
    )


def of_share(here: float, there: float, meaning: str, where: str) -> str:
    """A share that has changed: `meaning` says of what."""
    return f"{here:.1%} {meaning}, but {there:.1%} {where}"


def with_distance(part: dict[str, Any]) -> str:
    """The sentence of something that drifted, with how far (`drift.compare` gives the part)."""
    return (
        f"{part['sentence']} (Jensen-Shannon distance {part['distance']:.2f}, "
        f"noise threshold {part['by_chance']:.2f})"
    )
