"""Whether a run's corpus still looks like another one: the training corpus, or the run before.

Compared are label shares, confidence, token lengths, the share of unknown words and, with the run
before, the share of rows in error. The distance is the Jensen-Shannon distance to base 2, from 0
to 1 (Lin 1991, "Divergence measures based on the Shannon entropy"; Endres and Schindelin 2003 for
its root), which needs no correction where a bin is empty.

Severity: for small shifts the divergence in nats is an eighth of the population stability index, so
a PSI of 0.1, by custom the border to a slight drift, is a distance of 0.134, and one of 0.25, a
severe drift, is 0.212 (Siddiqi 2006, "Credit Risk Scorecards"). A small sample is some way off by
chance alone: eight times the divergence times nm / (n + m) is about chi-squared distributed with a
degree of freedom less than there are bins (for the PSI: Yurdakul and Naranjo 2020, "Statistical
properties of the population stability index"). Its 99.9th percentile is the noise threshold, and
only what the divergence has beyond it is held against the borders.

In the manifest, severities are `no`, `little` and `much`, and the noise threshold is `by_chance`.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from pipeline.errors import DriftError
from pipeline.quality import drift_sentences
from pipeline.quality.drift_sentences import BEFORE, IN_TRAINING
from pipeline.quality.profiles import Profile, histogram, label_shares, profile_of
from pipeline.quality.stats import CONFIDENCE_BINS, LENGTH_BINS, Stats

SLIGHT = math.sqrt(0.1 / 8 / math.log(2))
SEVERE = math.sqrt(0.25 / 8 / math.log(2))
SIGNIFICANCE = 0.001


class Pair(NamedTuple):
    """Two histograms of one thing.

    Attributes:
        what: the thing.
        here: the run's histogram.
        there: the other one's.
        rows: that the run's is of.
        other_rows: that the other one's is of.
        sentence: what to say if it drifted.
    """

    what: str
    here: np.ndarray
    there: np.ndarray
    rows: int
    other_rows: int
    sentence: str


def drift(
    stats: Stats, profile: Profile | None, previous: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Compares a run with its bundle's training corpus and with the run before.

    Args:
        stats: the run's merged statistics.
        profile: the bundle's, if it has one.
        previous: the manifest of the run before in a series, if there is one.

    Returns:
        `training` and `previous`, each what `compare` gives or None; `moved`: a sentence for each
        thing that drifted; `much`: whether any drift is severe.
    """
    run = profile_of(stats)
    training = compare(run, profile, IN_TRAINING) if profile else None
    before = compare(run, profile_of(previous["stats"]), BEFORE) if previous else None
    drifted = [part for part in [*(training or []), *(before or [])] if part["moved"] != "no"]
    return {
        "training": training,
        "previous": before,
        "previous_finished": previous["finished"] if previous else None,
        "moved": [drift_sentences.with_distance(part) for part in drifted],
        "much": any(part["moved"] == "much" for part in drifted),
    }


def compare(run: Profile, other: Profile, where: str) -> list[dict[str, Any]]:
    """Compares two profiles.

    Args:
        run: of this run.
        other: of another one or of the training corpus.
        where: what a sentence calls it: `in the training corpus`.

    Returns:
        Of each thing that both know (and that both have rows of) `what`, the Jensen-Shannon
        `distance`, `by_chance` (the noise threshold), `moved` (the severity: `no`, `little`,
        `much`), and a `sentence` if it drifted.
    """
    parts = []
    for pair in _pairs(run, other, where):
        if not (pair.rows and pair.other_rows and pair.here.sum() and pair.there.sum()):
            continue
        distance = jensen_shannon(pair.here, pair.there)
        noise = noise_threshold(pair.here, pair.there, pair.rows, pair.other_rows)
        severity = severity_of(distance, noise)
        parts.append(
            {
                "what": pair.what,
                "distance": round(distance, 4),
                "by_chance": round(noise, 4),
                "moved": severity,
                "sentence": pair.sentence if severity != "no" else None,
            }
        )
    return parts


def check_drift(drifts: Iterable[dict[str, Any] | None]) -> None:
    """For a scheduler that is to notice.

    Args:
        drifts: what `drift` gave for each run; None where that failed.

    Raises:
        DriftError: if any drift is severe, or unknown.
    """
    for one in drifts:
        if one is None:
            raise DriftError("whether the corpus drifted is not known; the labels are published")
        if one["much"]:
            sentences = "; ".join(one["moved"])
            raise DriftError(
                f"the corpus drifted, the labels are published all the same: {sentences}"
            )


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """The Jensen-Shannon distance of two histograms to base 2, from 0 to 1."""
    from scipy.spatial.distance import jensenshannon

    return float(np.nan_to_num(jensenshannon(p, q, base=2)))


def noise_threshold(p: np.ndarray, q: np.ndarray, n: int, m: int) -> float:
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
    return min(1.0, math.sqrt(chdtri(bins - 1, SIGNIFICANCE) * (1 / n + 1 / m) / 8 / math.log(2)))


def severity_of(distance: float, noise: float) -> str:
    """How severe a drift is by its distance beyond the noise threshold: `no`, `little`, `much`."""
    beyond = math.sqrt(max(distance**2 - noise**2, 0))
    return "much" if beyond > SEVERE else "little" if beyond > SLIGHT else "no"


def _pairs(run: Profile, other: Profile, where: str) -> Iterator[Pair]:
    """What is compared."""
    labelled = run["labelled_rows"], other.get("labelled_rows", 0)
    labels = sorted({*run["label_shares"], *other.get("label_shares", {})})
    p, q = (label_shares(one, labels) for one in (run, other))
    yield Pair("label shares", p, q, *labelled, drift_sentences.of_labels(labels, p, q, where))
    p, q = (histogram(one, "confidence", CONFIDENCE_BINS) for one in (run, other))
    yield Pair("confidence", p, q, *labelled, drift_sentences.of_confidence(p, q, where))
    p, q = (histogram(one, "tokens", LENGTH_BINS) for one in (run, other))
    rows = run["rows"], other.get("rows", 0)
    yield Pair("text lengths", p, q, *rows, drift_sentences.of_lengths(p, q, where))
    for what, key, of_rows, meaning in (
        ("unknown words", "unknown_share", "rows", "of the words are unknown to the tokenizer"),
        ("rows in error", "error_share", "all_rows", "of the rows are in error"),
    ):
        if key in other:
            here, there = run[key], other[key]
            yield Pair(
                what,
                np.array([here, 1 - here]),
                np.array([there, 1 - there]),
                run[of_rows],
                other.get(of_rows, 0),
                drift_sentences.of_share(here, there, meaning, where),
            )
