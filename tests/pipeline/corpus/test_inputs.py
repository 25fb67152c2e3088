"""Patterns, folders and endings."""

from pathlib import Path

import pytest

from pipeline.corpus.inputs import find_inputs
from pipeline.errors import UsageError


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    for name in ("b.jsonl", "a.parquet", "deep/c.CSV", "deep/_d.csv", ".hidden/e.csv", "_SUCCESS"):
        (tmp_path / "news" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "news" / name).touch()
    monkeypatch.chdir(tmp_path)


def test_a_folder_stands_for_all_below_it(corpus):
    assert find_inputs(["news"]) == [
        ("news/a.parquet", "parquet"),
        ("news/b.jsonl", "jsonl"),
        ("news/deep/c.CSV", "csv"),
    ]


def test_patterns_keep_their_order_and_name_a_file_once(corpus):
    assert find_inputs(["news/*.jsonl", "news/*.p*", "news/b.jsonl", "tfds:ag/train"]) == [
        ("news/b.jsonl", "jsonl"),
        ("news/a.parquet", "parquet"),
        ("tfds:ag/train", "tfds"),
    ]


def test_the_format_can_be_named(corpus):
    assert find_inputs(["news/a.parquet"], "csv") == [("news/a.parquet", "csv")]


def test_a_name_with_glob_characters_is_a_name(tmp_path):
    (tmp_path / "a[1].csv").touch()
    assert find_inputs([str(tmp_path / "a[1].csv")]) == [(str(tmp_path / "a[1].csv"), "csv")]


def test_nothing_and_nothing_known_are_errors(corpus):
    with pytest.raises(UsageError, match=r"no input: there is no file news/\*\.txt"):
        find_inputs(["news/*.txt"])
    Path("news/readme.txt").touch()
    with pytest.raises(UsageError, match=r"cannot tell the format of news/readme\.txt"):
        find_inputs(["news"])
