"""The rules of a cascade: which two bundles make one, what they are called, who is asked again."""

import numpy as np

from model.bundle.load import Bundle

DIGEST_CHARACTERS = 8


def check_pair(small: Bundle, large: Bundle) -> list[int]:
    """Checks that two bundles can be a cascade.

    Returns:
        Where each label of the small bundle stands among the large one's.

    Raises:
        ValueError: They are the same one, or have other labels.
    """
    if small.digest == large.digest:
        raise ValueError(f"--model and --then are the same bundle, {small.name}")
    only = [
        f"{', '.join(sorted(names))} only in {bundle.name}"
        for names, bundle in (
            (set(small.labels) - set(large.labels), small),
            (set(large.labels) - set(small.labels), large),
        )
        if names
    ]
    if only:
        raise ValueError(f"the two bundles must have the same labels: {'; '.join(only)}")
    return [large.labels.index(name) for name in small.labels]


def model_names(small: Bundle, large: Bundle) -> tuple[str, str]:
    """What the output calls the two: their names, with digests if those are the same."""
    if small.name != large.name:
        return small.name, large.name
    first, second = (f"{one.name}-{one.digest[:DIGEST_CHARACTERS]}" for one in (small, large))
    return first, second


def other_columns(small: Bundle, large: Bundle) -> str:
    """Says that two bundles were trained on other columns."""
    names = [f"{one.name} on {', '.join(one.text_columns)}" for one in (small, large)]
    return f"the two bundles were trained on other text columns: {'; '.join(names)}"


def is_unsure(score: np.ndarray, confidence: float) -> np.ndarray:
    """Which texts a cascade passes on, bool [rows].

    Args:
        score: float32 [rows], the small model's highest probabilities.
        confidence: the threshold. It is rounded to float32, so that a score which reads 0.95
            is not below 0.95.
    """
    return score < np.float32(confidence)
