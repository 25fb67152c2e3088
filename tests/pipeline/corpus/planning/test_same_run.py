"""The same command elsewhere or later: what is finished is finished, what isn't goes on."""

import json

import pytest

from fakes import write_jsonl
from outputs import assert_same, manifest, rows
from pipeline.launcher.command import run_command
from pipeline.score import score


@pytest.fixture
def run(tmp_path, fake, play):
    """Scores forty rows, some of them in error, and says with which exit code."""
    path = write_jsonl(tmp_path / "a.jsonl", 40, 1)
    path.write_text(path.read_text() + "no JSON\n")

    def run(*options, output="out"):
        where = ["--input", str(path), "--output", str(tmp_path / output)]
        return run_command(score, [*where, "--model", fake, *options])

    return run


@pytest.fixture
def elsewhere(monkeypatch):
    """From now on this is a machine where `auto` comes to another engine and other batches."""

    def go(**versions):
        monkeypatch.setattr("pipeline.launcher.request.has_gpu", lambda: True)
        if versions:
            newer = lambda name="newsbeam": versions[name]  # noqa: E731
            monkeypatch.setattr("pipeline.launcher.request.package_version", newer)

    return go


NEWER = {"newsbeam": "9.9", "openvino": "9.8", "tensorflow": "9.7"}


def test_what_is_finished_is_finished(run, elsewhere, tmp_path, capsys):
    assert run() == 0
    before = manifest(tmp_path / "out")
    assert before["plan"]["settings"]["engine"] == ["openvino", "float32", 8192]
    elsewhere(**NEWER)
    for options in ((), ("--shard_rows", "7"), ("--batch_tokens", "9"), ("--precision", "float32")):
        assert run(*options) == 0, options
        assert "nothing to do" in capsys.readouterr().out
    assert manifest(tmp_path / "out") == before
    assert run("--engine", "tensorflow") == 2
    assert "(engine: auto there, tensorflow now)" in capsys.readouterr().err
    assert run("--input_format", "jsonl") == 2
    assert "(input_format: None there, jsonl now)" in capsys.readouterr().err


def test_what_version_0_1_has_finished_is_finished(run, elsewhere, tmp_path, capsys):
    assert run() == 0
    path = tmp_path / "out" / "_manifest.json"
    old = json.loads(path.read_text())
    settings = old["plan"]["settings"]
    for name in ("asked", "versions"):
        del settings[name]
    settings |= {"version": "0.1.0", "engine": ["openvino", "bfloat16", 8192]}  # chosen by auto
    old["plan"]["digest"] = "0" * 64
    path.write_text(json.dumps(old))
    (tmp_path / "out" / "_SUCCESS").write_bytes(b"")  # it held no hash of the manifest
    elsewhere()
    for options in ((), ("--engine", "openvino"), ("--input_format", "jsonl")):
        assert run(*options) == 0, options
        assert "nothing to do" in capsys.readouterr().out
    assert run("--engine", "tensorflow") == 2
    assert "(engine: openvino there, tensorflow now)" in capsys.readouterr().err
    assert run("--limit", "3") == 2
    assert "(limit: None there, 3 now)" in capsys.readouterr().err


def test_unfinished_work_goes_on_by_its_own_plan(run, elsewhere, play, tmp_path, capsys):
    assert run("--max_error_rate", "0", "--shard_rows", "10") == 3  # all is done but publishing
    plans = list((tmp_path / "out").glob("_work-*/plan.json"))
    assert len(plans) == 1
    saved, batches = json.loads(plans[0].read_text()), play.batches
    assert batches > 0
    elsewhere()
    for options, recorded in (
        (("--shard_rows", "7"), "shard_rows: 10 there, 7 now"),
        (("--shard_rows", "10", "--batch_tokens", "9"), "batch_tokens: 8192 there, 9 now"),
        (("--shard_rows", "10", "--limit", "9"), "limit: None there, 9 now"),
        (("--shard_rows", "10", "--engine", "tensorflow"), "engine: auto there, tensorflow now"),
    ):
        assert run(*options) == 2
        assert f"holds the unfinished work of another run ({recorded})" in capsys.readouterr().err
    assert run("--shard_rows", "10", "--on_bad_file", "skip") == 0
    assert play.batches == batches  # nothing was scored again
    recorded = manifest(tmp_path / "out")["plan"]
    assert recorded["settings"]["engine"] == ["openvino", "float32", 8192]
    assert recorded["digest"] == saved["digest"]
    assert run("--shard_rows", "10", output="undisturbed") == 0
    assert manifest(tmp_path / "undisturbed")["plan"]["settings"]["engine"][0] == "tensorflow"
    assert_same(rows(tmp_path / "out"), rows(tmp_path / "undisturbed"))


def test_another_version_writes_no_rest(run, elsewhere, play, tmp_path, capsys):
    assert run("--max_error_rate", "0") == 3
    batches = play.batches
    elsewhere(**NEWER)
    capsys.readouterr()
    assert run() == 2
    said = capsys.readouterr().err
    assert "(version: " in said and " there, 9.9 now; openvino: " in said
    assert said.count("\n") == 1 and "use another --output, or --overwrite" in said
    assert run("--overwrite") == 0
    assert play.batches > batches
    assert manifest(tmp_path / "out")["plan"]["settings"]["version"] == "9.9"


def test_a_dead_run_of_a_series_goes_on_elsewhere(run, elsewhere, play, tmp_path, capsys):
    assert run("--incremental", "--max_error_rate", "0") == 3
    batches = play.batches
    elsewhere()
    assert run("--incremental") == 0
    assert play.batches == batches  # nothing was scored again
    published = list((tmp_path / "out").glob("bundle=*/run=*"))
    assert len(published) == 1
    assert manifest(published[0])["plan"]["settings"]["engine"][0] == "openvino"
    assert run("--incremental", "--input_format", "jsonl") == 0
    assert len(list((tmp_path / "out").glob("bundle=*/run=*"))) == 2


def test_an_input_in_other_words_is_the_same_run(tmp_path, monkeypatch, fake, play, capsys):
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "in" / "a.jsonl", 20, 1)
    common = ["--model", fake, "--output", "out", "--shard_rows", "8"]
    assert run_command(score, ["--input", "in", *common, "--max_error_rate", "0"]) == 3
    for words in ("./in", f"{tmp_path}/in", "in//a.jsonl"):
        assert run_command(score, ["--input", words, *common]) == 0, words
    assert capsys.readouterr().out.count("nothing to do") == 2
    assert set(rows(tmp_path / "out")["source"].to_pylist()) == {"in/a.jsonl"}
