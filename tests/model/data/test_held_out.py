"""What is held out: literal hashes, and a choice that depends on nothing but the text."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from model.data.examples import Examples, split
from model.data.held_out import first_kept, is_conformal, text_hashes

QUARTERS = np.array([0, 1 << 62, (1 << 62) - 1, 3 << 62, (1 << 64) - 1], np.uint64)


def is_held_out(hashes, validation, at_most=None):
    return hashes < first_kept(hashes, validation, at_most)


def test_hashes_are_the_same_for_ever():
    found = text_hashes(pa.array(["the team: the team", "the chip"]))
    assert found.dtype == np.uint64
    assert found.tolist() == [300807131858139091, 1189717552979667134]
    expected = hashlib.blake2b(b"the chip", digest_size=8).digest()
    assert int.from_bytes(expected, "little") == found[1]


def test_case_and_white_space_do_not_count():
    variants = ["the chip", " The\tCHIP", "the \n chip ", "THE chip"]
    assert len(set(text_hashes(pa.array(variants)).tolist())) == 1
    assert len(set(text_hashes(pa.array(["the chip", "thechip", "the chips"])).tolist())) == 3
    assert text_hashes(pa.array([], pa.string())).tolist() == []


def test_a_share_is_a_range_of_hashes():
    assert is_held_out(QUARTERS, 0.25).tolist() == [True, False, True, False, False]
    assert is_held_out(QUARTERS, 0.5).tolist() == [True, True, True, False, False]
    assert not is_held_out(QUARTERS, 0.0).any()
    assert is_held_out(QUARTERS, np.nextafter(1, 0)).tolist() == [True] * 4 + [False]


def test_so_many_at_most_are_those_of_the_lowest_hashes():
    assert is_held_out(QUARTERS, 0.5, at_most=2).tolist() == [True, False, True, False, False]
    assert is_held_out(QUARTERS, 0.5, at_most=3).tolist() == is_held_out(QUARTERS, 0.5).tolist()
    assert not is_held_out(
        np.zeros(3, np.uint64), 0.5, at_most=2
    ).any()  # equal texts stay together


def test_other_rows_and_another_tokenizer_change_nothing():
    texts = pa.array([f"text {i}" for i in range(2000)])
    hashes = text_hashes(texts)
    chosen = is_held_out(hashes, 0.1)
    assert np.count_nonzero(chosen) == pytest.approx(200, abs=40)  # three deviations of a binomial
    assert is_held_out(hashes[::3], 0.1).tolist() == chosen[::3].tolist()
    assert chosen[is_held_out(hashes, 0.02)].all()
    one, two = (
        Examples(np.arange(n * 2000), np.arange(0, n * 2000 + 1, n), np.zeros(2000, int), hashes, 1)
        for n in (1, 3)
    )
    for parts in zip(split(one, 0.1), split(two, 0.1), strict=True):
        assert parts[0].hashes.tolist() == parts[1].hashes.tolist()


def test_a_text_makes_label_sets_or_calibrates_whatever_share_is_held_out():
    hashes = text_hashes(pa.array([f"text {i}" for i in range(2000)]))
    assert is_conformal(np.array([0, 1, 2**64 - 1, 2**64 - 2], np.uint64)).tolist() == [
        *(False, True),
        *(True, False),
    ]
    for share in (0.1, 0.5):
        found = is_conformal(hashes[is_held_out(hashes, share)])
        assert found.mean() == pytest.approx(0.5, abs=4 * (0.25 / len(found)) ** 0.5)
