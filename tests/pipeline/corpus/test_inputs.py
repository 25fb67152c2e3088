"""Patterns, folders and endings."""

import os
from pathlib import Path

import pytest

from pipeline import storage
from pipeline.corpus.inputs import find_inputs
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings
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


def test_a_folder_with_nothing_to_read_is_said_to_be_one(tmp_path):
    folder = tmp_path / "news"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"no input: the folder .*/news holds no files"):
        find_inputs([str(folder)])
    (folder / "_SUCCESS").touch()
    with pytest.raises(
        UsageError, match=r"holds no files \(names with _ or \. in front are passed"
    ):
        find_inputs([str(folder)])


def test_a_file_that_is_named_in_several_ways_is_one_input(corpus, tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "news" / "deep" / "c.CSV")
    patterns = ["./news/b.jsonl", "news", "news//b.jsonl", f"{tmp_path}/news", "link.csv"]
    assert find_inputs([*patterns, f"file://{tmp_path}/news/b.jsonl"]) == [
        ("./news/b.jsonl", "jsonl"),
        ("news/a.parquet", "parquet"),
        ("news/deep/c.CSV", "csv"),
    ]


def test_links_to_folders_are_followed_but_not_for_ever(corpus, tmp_path, capsys):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "f.csv").touch()
    (tmp_path / "news" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "news")
    assert [path for path, _ in find_inputs(["news"])] == [
        "news/a.parquet",
        "news/b.jsonl",
        "news/deep/c.CSV",
        "news/linked/f.csv",
    ]
    said = capsys.readouterr().out
    assert said == "passed over: news/linked/back, a link to a folder that it lies in\n"


def test_what_is_no_file_is_passed_over_with_a_line(corpus, capsys):
    os.mkfifo("news/pipe.csv")
    assert len(find_inputs(["news"])) == 3
    assert capsys.readouterr().out == "passed over: news/pipe.csv, which is no file\n"


def test_a_folder_that_cannot_be_read_is_named(corpus, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UsageError, match=r"cannot read the folder news/deep: Permission denied"):
        find_inputs(["news"])


def test_placeholders_of_folders_are_no_inputs(monkeypatch):
    objects = ["gs://b/news/", "gs://b/news/a.csv", "gs://b/news/x/", "gs://b/news/x_$folder$"]

    def match(pattern):
        wanted = objects if pattern.endswith("**") else [o for o in objects if o == pattern]
        return [storage.FileInfo(path, 0) for path in wanted]

    monkeypatch.setattr(storage, "match", match)
    for pattern in ("gs://b/news/", "gs://b/news"):
        assert find_inputs([pattern]) == [("gs://b/news/a.csv", "csv")]


def test_a_link_to_nothing_is_named_by_whoever_opens_it(corpus, tmp_path):
    (tmp_path / "news" / "lost.csv").symlink_to(tmp_path / "nowhere")
    assert ("news/lost.csv", "csv") in find_inputs(["news"])
    with pytest.raises(UsageError, match=r"cannot read news/lost.csv: No such file"):
        make_plan([("news/lost.csv", "csv")], ["t"], {}, reading=ReadSettings(4))


def test_a_name_that_is_no_text_is_named_or_skipped(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv")
    with open(path, "w") as stream:
        stream.write("t\nthe team\n")
    inputs = find_inputs([str(tmp_path)])
    assert inputs == [(path, "csv")]
    shown = f"{tmp_path}/caf\\xe9.csv"
    with pytest.raises(UsageError) as error:
        make_plan(inputs, ["t"], {}, reading=ReadSettings(4))
    assert str(error.value) == f"cannot read {shown}: its name is not UTF-8; rename it"
    plan = make_plan(inputs, ["t"], {}, reading=ReadSettings(4), on_bad_file="skip")
    assert plan.skipped == [(shown, "its name is not UTF-8; rename it")]
