"""The format of docs/architecture.md, added as the page says and scored."""

import gzip
import types

import pytest

from outputs import rows
from pages_of_docs import recipes
from pipeline.corpus.formats.registry import FORMATS, Format
from pipeline.launcher.command import run_command
from pipeline.score import score

TEXT = b"The team|won\nbroken\n\n|\nThe market|fell\nb\xe4d|bytes\n"


@pytest.fixture
def bars(monkeypatch):
    module = types.ModuleType("bars")
    exec(compile(recipes()["format"], "architecture.md", "exec"), module.__dict__)
    monkeypatch.setitem(FORMATS, "bars", Format(module, (".bars",), is_text=True, may_grow=True))


@pytest.mark.parametrize("name", ["a.bars", "a.bars.gz"])
def test_it_is_scored(bars, fake, play, tmp_path, name):
    news = tmp_path / "news"
    news.mkdir()
    (news / name).write_bytes(gzip.compress(TEXT) if name.endswith(".gz") else TEXT)
    output = tmp_path / "labels"
    argv = ["--input", str(news), "--model", fake, "--output", str(output), "--carry_columns"]
    assert run_command(score, [*argv, "title", "--shard_rows", "2"]) == 0
    published = rows(output)
    assert published["title"].to_pylist() == ["The team", None, "", "The market", None]
    codes = [error and error.split(":")[0] for error in published["error"].to_pylist()]
    assert codes == [None, "fields", "blank", None, "encoding"]
    assert published["label"].is_valid().to_pylist() == [True, False, False, True, False]
