"""Fingerprints follow the content, and are remembered."""

import os

from pipeline.corpus.fingerprint import Fingerprints


def fingerprint(path, cache):
    with Fingerprints(str(cache)) as fingerprints:
        return fingerprints.look(str(path)).digest


def test_same_size_and_time_but_other_content(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("news 1")
    other.write_text("news 2")
    for path in (one, other):
        os.utime(path, (1000, 1000))
    cache = tmp_path / "cache"
    assert fingerprint(one, cache) != fingerprint(other, cache)
    copy = tmp_path / "copy"
    copy.write_text("news 1")
    assert fingerprint(copy, cache) == fingerprint(one, cache)


def test_hash_is_remembered_until_the_file_changes(tmp_path):
    path, cache = tmp_path / "news", tmp_path / "cache"
    path.write_text("first")
    os.utime(path, (1000, 1000))
    before = fingerprint(path, cache)
    path.write_text("other")
    os.utime(path, (1000, 1000))  # a change that nothing shows: what the cache can't see
    assert fingerprint(path, cache) == before
    os.utime(path, (2000, 2000))
    assert fingerprint(path, cache) != before


def test_a_file_of_just_now_is_not_remembered(tmp_path):
    path, cache = tmp_path / "news", tmp_path / "cache"
    path.write_text("first")
    fingerprint(path, cache)
    assert not cache.exists()


def test_a_damaged_cache_costs_time_only(tmp_path):
    path, cache = tmp_path / "news", tmp_path / "cache"
    path.write_text("")
    cache.write_text("{broken")
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert fingerprint(path, cache) == empty
