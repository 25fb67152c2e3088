"""A format is one module and one line: a toy one is added here, and a file of it scored."""

import sys

import pyarrow as pa
import pytest

from outputs import manifest, rows
from pipeline.corpus.formats.registry import FORMATS, Format, by_ending, by_prefix
from pipeline.corpus.sources import Facts, Rows
from pipeline.launcher.command import run_command
from pipeline.score import score


def inspect(path, settings):
    return Facts(pa.schema([("title", pa.string()), ("description", pa.string())]), None)


def read(path, start, rows, columns, settings, file_size=None):
    with open(path) as stream:
        lines = [line.rstrip("\n").split("|") for line in stream][:rows]
    table = {"title": [line[0] for line in lines], "description": [line[1] for line in lines]}
    yield Rows(pa.table(table).select(columns.names()))


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(FORMATS, "bars", Format(sys.modules[__name__], (".bars",), may_grow=True))


def test_a_format_of_ten_lines_is_scored(toy, fake, play, tmp_path):
    news = tmp_path / "news"
    news.mkdir()
    (news / "a.BARS").write_text("the team|won\n|\nthe market|fell\n")
    (news / "b.txt").write_text("war|new chip\n")
    arguments = ["--model", fake, "--output", str(tmp_path / "out"), "--carry_columns", "title"]
    assert run_command(score, ["--input", str(news / "*.BARS"), *arguments]) == 0
    published = rows(tmp_path / "out")
    assert published["title"].to_pylist() == ["the team", "", "the market"]
    assert [error and error.split(":")[0] for error in published["error"].to_pylist()] == [
        None,
        "blank",
        None,
    ]
    arguments = ["--model", fake, "--output", str(tmp_path / "out2"), "--input_format", "bars"]
    assert run_command(score, ["--input", str(news), *arguments]) == 0
    assert manifest(tmp_path / "out2")["rows"] == 4


def test_a_toy_file_may_grow_while_it_is_scored(toy, tmp_path):
    from pipeline.corpus.fingerprint import check_unchanged
    from pipeline.corpus.planning.planner import make_plan
    from pipeline.corpus.sources import ReadSettings
    from pipeline.errors import BadFileError

    path = tmp_path / "a.bars"
    path.write_text("one|two\n")
    [source] = make_plan([(str(path), "bars")], ["title"], {}, reading=ReadSettings(4)).sources
    path.write_text("one|two\nthree|four\n")
    check_unchanged(source)
    path.write_text("ten|two\nthree|four\n")
    with pytest.raises(BadFileError, match="it has changed since the run was planned"):
        check_unchanged(source)


@pytest.mark.parametrize(
    "path, name",
    [
        ("a/b.parquet", "parquet"),
        ("a.PQ", "parquet"),
        ("a.csv.gz", "csv"),
        ("a.ndjson", "jsonl"),
        ("a.jsonl.GZ", "jsonl"),
        ("a.txt", None),
        ("csv", None),
    ],
)
def test_endings(path, name):
    assert by_ending(path) == name


def test_prefixes():
    assert by_prefix("tfds:ag_news_subset/train") == "tfds"
    assert by_prefix("tfds/train.csv") is None
