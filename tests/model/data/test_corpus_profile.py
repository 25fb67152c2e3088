"""Profiles: literal counts of literal values."""

import numpy as np

from model.data.corpus_profile import (
    CONFIDENCE_EDGES,
    TOKEN_EDGES,
    confidence_histogram,
    label_profile,
    token_histogram,
)


def test_confidences_fall_into_the_bin_that_begins_with_them():
    scores = np.array([0.0, 0.05, 0.7, 0.7499, 0.95, 1.0, 1.0000001], np.float32)
    counts = confidence_histogram(scores)
    assert len(counts) == len(CONFIDENCE_EDGES) - 1 == 20
    assert {i: count for i, count in enumerate(counts) if count} == {0: 1, 1: 1, 14: 2, 19: 3}


def test_every_edge_as_float32_begins_its_own_bin():
    assert confidence_histogram(np.array(CONFIDENCE_EDGES[:-1], np.float32)) == [1] * 20


def test_lengths_fall_into_the_bin_that_begins_with_them():
    counts = token_histogram(np.array([0, 1, 2, 3, 4, 256, 383, 5000]))
    assert len(counts) == len(TOKEN_EDGES)
    found = {TOKEN_EDGES[i]: count for i, count in enumerate(counts) if count}
    assert found == {0: 1, 1: 1, 2: 2, 4: 1, 256: 2, 4096: 1}


def test_label_profile():
    profile = label_profile(np.array([[0.8, 0.2], [0.4, 0.6], [1.0, 0.0], [0.9, 0.1]]), ["a", "b"])
    assert profile["labelled_rows"] == 4
    assert profile["label_shares"] == {"a": 0.75, "b": 0.25}
    assert sum(profile["confidence"]["counts"]) == 4
    assert profile["confidence"]["counts"][12] == 1
