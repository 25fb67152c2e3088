"""Drift: what was shifted on purpose is reported, a fresh sample of the same corpus is not."""

import math

import numpy as np
import pytest
from scipy.stats import entropy

from model.data.corpus_profile import label_profile, token_histogram
from pipeline.quality.drift import SEVERE, SLIGHT, compare, drift, jensen_shannon, noise_threshold
from pipeline.quality.profiles import profile_of
from pipeline.quality.stats import merge, shard_stats
from scored import LABELS, random_rows, scored_table


def run_of(seed, count=2000, unknown=0.04, **settings):
    rows = random_rows(seed, count, **settings)
    tokens = sum(row.get("tokens", 0) for row in rows)
    counts = {"tokens": tokens, "unknown_tokens": round(tokens * unknown)}
    return shard_stats(scored_table(rows, **counts), 64)


def severities(run, other):
    return {part["what"]: part["moved"] for part in compare(profile_of(run), other, "there")}


@pytest.fixture(scope="module")
def training():
    """As a bundle has it: without rows in error."""
    profile = profile_of(run_of(0, 4000))
    return {key: profile[key] for key in profile if key not in ("all_rows", "error_share")}


def test_profile_of_a_run_is_that_of_a_training_corpus():
    rows = random_rows(9, 500)
    table = scored_table(rows, tokens=1000, unknown_tokens=50)
    draw = np.zeros((500, 4))
    for number, row in enumerate(rows):
        draw[number] = (1 - row["score"]) / 3
        draw[number, LABELS.index(row["label"])] = max(row["score"], 0.2501)
    lengths = np.array([row["tokens"] for row in rows])
    theirs = label_profile(draw, LABELS)
    ours = profile_of(shard_stats(table, 64))
    assert ours["label_shares"] == pytest.approx(theirs["label_shares"])
    assert (ours["rows"], ours["labelled_rows"]) == (500, theirs["labelled_rows"])
    assert ours["unknown_share"] == 0.05
    assert ours["tokens"]["counts"] == token_histogram(lengths)
    assert ours["confidence"]["counts"] == theirs["confidence"]["counts"]


def test_distance_is_jensen_and_shannons():
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.6, 0.3])
    middle = (p + q) / 2
    expected = math.sqrt((entropy(p, middle, base=2) + entropy(q, middle, base=2)) / 2)
    assert jensen_shannon(p, q) == pytest.approx(expected)
    assert jensen_shannon(p * 100, q * 7) == pytest.approx(expected)
    assert jensen_shannon(p, p) == 0
    assert jensen_shannon(np.array([1, 0]), np.array([0, 1])) == pytest.approx(1)


def test_borders_are_those_of_the_population_stability_index():
    p = np.full(10, 0.1)
    q = p + np.array([0.0316, -0.0316] * 5)
    stability = float(np.sum((p - q) * np.log(p / q)))
    assert stability == pytest.approx(0.1, abs=0.005)
    assert jensen_shannon(p, q) == pytest.approx(SLIGHT, abs=0.005)
    assert pytest.approx(SLIGHT * math.sqrt(2.5)) == SEVERE


def test_the_noise_threshold_is_exceeded_about_as_often_as_it_says():
    draw = np.random.default_rng(4)
    shares = draw.dirichlet(np.full(12, 3.0))
    over = 0
    for _ in range(2000):
        p, q = draw.multinomial(400, shares), draw.multinomial(900, shares)
        over += jensen_shannon(p, q) > noise_threshold(p, q, 400, 900)
    assert over <= 8  # two are expected


@pytest.mark.parametrize("count", [5, 50, 300, 4000])
def test_a_fresh_sample_does_not_drift(training, count):
    for seed in range(1, 9):
        assert set(severities(run_of(seed, count), training).values()) == {"no"}


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"shares": [0, 0, 1, 0]}, "label shares"),
        ({"certainty": 1}, "confidence"),
        ({"tokens": 90}, "text lengths"),
        ({"unknown": 0.5}, "unknown words"),
    ],
)
def test_what_was_shifted_is_what_drifts(training, settings, what):
    found = severities(run_of(1, 600, **settings), training)
    assert found.pop(what) == "much"
    assert set(found.values()) == {"no"}


def test_the_sentences_say_what_drifted_and_how_far(training):
    stats = run_of(1, 600, shares=[0, 0, 1, 0], unknown=0.5)
    found = drift(stats, training)
    first, second = found["moved"]
    assert "Sports has 100.0% of the labels, but 25.1% in the training corpus" in first
    assert "50.0% of the words are unknown to the tokenizer, but 4.0% in the" in second
    assert found["much"] is True
    assert found["previous"] is None


def test_a_series_compares_rows_in_error_too():
    before = {"stats": run_of(1), "finished": "2026-11-21T06:00:00+00:00"}
    same = drift(run_of(2), None, before)
    assert (same["training"], same["moved"], same["much"]) == (None, [], False)
    worse = drift(run_of(3, error_share=0.3), None, before)
    assert len(worse["moved"]) == 1
    assert "of the rows are in error, but 0.0% in the run before" in worse["moved"][0]


def test_runs_without_labels_or_profile_are_not_compared(training):
    assert drift(run_of(1), None)["moved"] == []
    broken = merge([shard_stats(scored_table([{"error": "blank: x"}] * 50), 64)])
    assert compare(profile_of(broken), training, "there") == []
    assert drift({}, training)["moved"] == []
    old = {**training, "tokens": {"counts": [1, 2, 3]}}
    assert "text lengths" not in severities(run_of(1), old)
