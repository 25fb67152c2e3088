"""What a run's corpus looks like, in the form of a bundle's profile of its training corpus.

A profile (`model.data.corpus_profile`) has numbers of rows, label shares, shares of unknown
words and of rows in error, and histograms of confidence and of lengths in tokens.
"""

from typing import Any

import numpy as np

from pipeline.quality.stats import CONFIDENCE_BINS, LENGTH_BINS, Stats, bin_counts

Profile = dict[str, Any]


def profile_of(stats: Stats) -> Profile:
    """What a run looks like, as a profile.

    Of a cascade it is what the first model says of all rows: the profile is that model's, and the
    second one's labels and confidence would look like drift.

    Args:
        stats: merged statistics.
    """
    labelled, counts = stats.get("labelled", 0), stats.get("counts", {})
    first = stats.get("first", stats)
    by_label = first.get("rows_by_label", {})
    confidence = np.sum(
        [bin_counts(bins, CONFIDENCE_BINS) for bins in first.get("confidence", {}).values()],
        axis=0,
        initial=0,
    )
    lengths = bin_counts(stats.get("lengths", {}), LENGTH_BINS)
    return {
        "rows": sum(lengths),
        "labelled_rows": labelled,
        "label_shares": {name: rows / labelled for name, rows in by_label.items()},
        "confidence": {"counts": np.broadcast_to(confidence, CONFIDENCE_BINS).tolist()},
        "tokens": {"counts": lengths},
        "unknown_share": counts.get("unknown_tokens", 0) / max(counts.get("tokens", 0), 1),
        "all_rows": stats.get("rows", 0),
        "error_share": (stats.get("rows", 0) - labelled) / max(stats.get("rows", 0), 1),
    }


def label_shares(profile: Profile, labels: list[str]) -> np.ndarray:
    """The share of each of the labels, float [labels]."""
    shares = profile.get("label_shares", {})
    return np.array([shares.get(label, 0) for label in labels], float)


def histogram(profile: Profile, key: str, bins: int) -> np.ndarray:
    """A histogram, float [bins]; one with other bins (of an older bundle) has no rows."""
    counts = profile.get(key, {}).get("counts", [])
    return np.array(counts if len(counts) == bins else [0] * bins, float)
