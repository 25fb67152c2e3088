"""Inputs that lie in the output folder, by whatever name."""

import os

import pytest

from pipeline.corpus.inputs import find_inputs
from pipeline.errors import UsageError
from pipeline.folders.overlap import apart


@pytest.fixture
def news(tmp_path, monkeypatch):
    for name in ("a.parquet", "labels/part-0.parquet", "labels2/b.parquet"):
        (tmp_path / "news" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "news" / name).touch()
    monkeypatch.chdir(tmp_path)
    os.symlink("news/labels", "link")


@pytest.mark.parametrize("output", ["news/labels", "news/labels/", "./news//labels", "link"])
def test_an_output_folder_below_the_input_is_passed_over(news, capsys, output):
    left = apart(["news"], find_inputs(["news"]), output)
    assert [path for path, _ in left] == ["news/a.parquet", "news/labels2/b.parquet"]
    told = f"passed over: the output folder {output}, which lies below the input\n"
    assert capsys.readouterr().out == told


@pytest.mark.parametrize(
    "asked",
    ["news/labels", "link", "news/labels/part-0.parquet", "news/labels/*.parquet", "news/../link"],
)
def test_an_input_in_the_output_folder_is_refused(news, asked):
    with pytest.raises(UsageError, match="lies in the output folder news/labels"):
        apart([asked], find_inputs([asked]), "news/labels")


def test_the_input_folder_itself_is_no_output(news):
    with pytest.raises(UsageError, match="the input news lies in the output folder news"):
        apart(["news"], find_inputs(["news"]), "news")


def test_a_pattern_that_finds_nothing_else_is_refused(news):
    with pytest.raises(UsageError, match="all that is asked for lies in"):
        apart(["*/labels/*.parquet"], find_inputs(["*/labels/*.parquet"]), "news/labels")


def test_elsewhere(news, capsys):
    inputs = [("gs://b/in/a.csv", "csv"), ("tfds:ag/train", "tfds"), ("news/a.parquet", "parquet")]
    asked = ["gs://b/in", "tfds:ag/train", "*/a.parquet"]
    assert apart(asked, inputs, "gs://b/in2") == inputs
    assert apart(asked, inputs, "/tfds:ag") == inputs
    assert capsys.readouterr().out == ""
    with pytest.raises(UsageError, match="the input gs://b//in/"):
        apart(["gs://b//in/"], inputs[:1], "gs://b/in")
