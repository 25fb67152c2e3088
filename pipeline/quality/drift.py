"""Whether a run's corpus still looks like another one: the training corpus, or the run before.

Compared are label shares, confidence, token lengths, the share of unknown words and, with the run
before, the share of rows in error. The distance is the Jensen-Shannon distance to base 2, from 0
to 1 (Lin 1991, "Divergence measures based on the Shannon entropy"; Endres and Schindelin 2003 for
its root), which needs no correction where a bin is empty.

How much is much: for small shifts the divergence in nats is an eighth of the population stability
index, so a PSI of 0.1, by custom the border to "moved a little", is a distance of 0.134, and one of
0.25, "moved a lot", is 0.212 (Siddiqi 2006, "Credit Risk Scorecards"). A small sample is some way
off by chance alone: eight times the divergence times nm / (n + m) is about chi-squared distributed
with a degree of freedom less than there are bins (for the PSI: Yurdakul and Naranjo 2020,
"Statistical properties of the population stability index"). Only what the divergence has beyond
that chance's 99.9th percentile is held against the borders.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from model.training.corpus_profile import TOKEN_EDGES
from pipeline.errors import DriftError
from pipeline.quality.stats import CONFIDENCE_BINS, LENGTH_BINS, Stats, bin_counts

LITTLE = math.sqrt(0.1 / 8 / math.log(2))
MUCH = math.sqrt(0.25 / 8 / math.log(2))
CHANCE = 0.001

IN_TRAINING, BEFORE = "in the training corpus", "in the run before"

Profile = dict[str, Any]


def profile_of(stats: Stats) -> Profile:
    """What a run looks like, in the form of a bundle's profile (`model.training.corpus_profile`).

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


def compare(run: Profile, other: Profile, where: str) -> list[dict[str, Any]]:
    """Compares two profiles.

    Args:
        run: of this run.
        other: of another one or of the training corpus.
        where: what a sentence calls it: `in the training corpus`.

    Returns:
        Of each thing that both know (and that both have rows of) `what`, the Jensen-Shannon
        `distance`, `by_chance` (what chance alone would hardly exceed), `moved` (`no`, `little`,
        `much`), and a `sentence` if it did.
    """
    found = []
    for what, p, q, n, m, sentence in _pairs(run, other, where):
        if not (n and m and p.sum() and q.sum()):
            continue
        distance, by_chance = jensen_shannon(p, q), chance(p, q, n, m)
        beyond = math.sqrt(max(distance**2 - by_chance**2, 0))
        moved = "much" if beyond > MUCH else "little" if beyond > LITTLE else "no"
        found.append(
            {
                "what": what,
                "distance": round(distance, 4),
                "by_chance": round(by_chance, 4),
                "moved": moved,
                "sentence": sentence if moved != "no" else None,
            }
        )
    return found


def drift(
    stats: Stats, profile: Profile | None, previous: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Compares a run with its bundle's training corpus and with the run before.

    Args:
        stats: the run's merged statistics.
        profile: the bundle's, if it has one.
        previous: the manifest of the run before in a series, if there is one.

    Returns:
        `training` and `previous`, each what `compare` found or None; `moved`: what moved, a
        sentence each; `much`: whether any of it moved much.
    """
    run = profile_of(stats)
    training = compare(run, profile, IN_TRAINING) if profile else None
    before = compare(run, profile_of(previous["stats"]), BEFORE) if previous else None
    sentences = [
        f"{part['sentence']} (Jensen-Shannon distance {part['distance']:.2f}, by chance up to "
        f"{part['by_chance']:.2f})"
        for part in [*(training or []), *(before or [])]
        if part["moved"] != "no"
    ]
    return {
        "training": training,
        "previous": before,
        "previous_finished": previous["finished"] if previous else None,
        "moved": sentences,
        "much": any(part["moved"] == "much" for part in [*(training or []), *(before or [])]),
    }


def check_drift(found: Iterable[dict[str, Any] | None]) -> None:
    """For a scheduler that wants to be told.

    Args:
        found: what `drift` has found of each run; None where that failed.

    Raises:
        DriftError: if anything moved much, or nothing is known.
    """
    for one in found:
        if one is None:
            raise DriftError("whether the corpus drifted is not known; the labels are published")
        if one["much"]:
            told = "; ".join(one["moved"])
            raise DriftError(f"the corpus drifted, the labels are published all the same: {told}")


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """The Jensen-Shannon distance of two histograms to base 2, from 0 to 1."""
    from scipy.spatial.distance import jensenshannon

    return float(np.nan_to_num(jensenshannon(p, q, base=2)))


def chance(p: np.ndarray, q: np.ndarray, n: int, m: int) -> float:
    """The distance that two samples of one corpus exceed once in a thousand times, at the most.

    Args:
        p: a histogram.
        q: another with the same bins.
        n: rows of the first sample.
        m: rows of the second.
    """
    from scipy.special import chdtri  # the inverse of the chi-squared distribution's tail

    bins = int(np.count_nonzero(p + q))
    if bins < 2:
        return 0.0
    return min(1.0, math.sqrt(chdtri(bins - 1, CHANCE) * (1 / n + 1 / m) / 8 / math.log(2)))


def _pairs(
    run: Profile, other: Profile, where: str
) -> Iterator[tuple[str, np.ndarray, np.ndarray, int, int, str]]:
    """What is compared: name, two histograms, two numbers of rows, and what to say if it moved."""
    labels = sorted({*run["label_shares"], *other.get("label_shares", {})})
    p, q = (_shares(one, labels) for one in (run, other))
    widest = int(np.argmax(np.abs(p - q))) if labels else 0
    yield (
        "label shares",
        p,
        q,
        run["labelled_rows"],
        other.get("labelled_rows", 0),
        f"{labels[widest]} has {p[widest]:.1%} of the labels, but {q[widest]:.1%} {where}"
        if labels
        else "",
    )
    high, low = (_share_above(one, "confidence", 18) for one in (run, other))
    yield (
        "confidence",
        *(_counts(one, "confidence", CONFIDENCE_BINS) for one in (run, other)),
        run["labelled_rows"],
        other.get("labelled_rows", 0),
        f"{high:.1%} of the labels have a confidence of 0.9 or more, but {low:.1%} {where}",
    )
    p, q = (_counts(one, "tokens", LENGTH_BINS) for one in (run, other))
    yield "text lengths", p, q, run["rows"], other.get("rows", 0), _of_lengths(p, q, where)
    for what, key, rows, meaning in (
        ("unknown words", "unknown_share", "rows", "of the words are unknown to the tokenizer"),
        ("rows in error", "error_share", "all_rows", "of the rows are in error"),
    ):
        if key in other:
            here, before = run[key], other[key]
            yield (
                what,
                np.array([here, 1 - here]),
                np.array([before, 1 - before]),
                run[rows],
                other.get(rows, 0),
                f"{here:.1%} {meaning}, but {before:.1%} {where}",
            )


def _shares(profile: Profile, labels: list[str]) -> np.ndarray:
    shares = profile.get("label_shares", {})
    return np.array([shares.get(label, 0) for label in labels], float)


def _counts(profile: Profile, key: str, bins: int) -> np.ndarray:
    """A histogram; one with other bins (of an older bundle) says nothing."""
    counts = profile.get(key, {}).get("counts", [])
    return np.array(counts if len(counts) == bins else [0] * bins, float)


def _share_above(profile: Profile, key: str, start: int) -> float:
    counts = _counts(profile, key, CONFIDENCE_BINS)
    return counts[start:].sum() / max(counts.sum(), 1)


def _of_lengths(p: np.ndarray, q: np.ndarray, where: str) -> str:
    """Tells of the length whose share has changed most."""
    here, there = p / max(p.sum(), 1), q / max(q.sum(), 1)
    widest = int(np.argmax(np.abs(here - there)))
    last = f"to {TOKEN_EDGES[widest + 1] - 1}" if widest + 1 < LENGTH_BINS else "and more"
    return (
        f"{here[widest]:.1%} of the texts have {TOKEN_EDGES[widest]} {last} tokens, "
        f"but {there[widest]:.1%} {where}"
    )
