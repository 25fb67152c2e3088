"""The list of an output folder's runs."""

import json

import pytest

from fakes import write_jsonl
from pipeline.launcher.command import run_command
from pipeline.runs import as_lines, list_runs, runs
from pipeline.score import score


@pytest.fixture
def argv(tmp_path, fake, play):
    news = tmp_path / "news"
    write_jsonl(news / "a.jsonl", 30)
    output = str(tmp_path / "labels")
    return ["--input", str(news), "--model", fake, "--output", output, "--shard_rows", "20"]


def test_incremental_runs(argv, tmp_path, capsys, monkeypatch):
    assert run_command(score, [*argv, "--incremental"]) == 0
    write_jsonl(tmp_path / "news" / "b.jsonl", 10)
    assert run_command(score, [*argv, "--incremental", "--max_error_rate", "0"]) == 3
    capsys.readouterr()
    output = str(tmp_path / "labels")
    assert run_command(runs, ["--output", output, "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    counts = [first[name] for name in ("state", "inputs", "rows", "errors")]
    assert counts == ["published", 1, 30, 3]
    assert len(first["bundle"]) == 12
    assert first["seconds"] >= 0
    assert second["state"] == "unfinished, 1 of 1 work items done"
    assert second["rows"] is None
    assert first["run"] < second["run"]
    assert run_command(runs, ["--output", output]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == [
        "bundle", "run", "state", "inputs", "rows", "errors", "duration", "finished",
    ]  # fmt: skip
    assert first["run"] in lines[0]
    assert "unfinished" in lines[1]


def test_a_plain_run(argv, tmp_path):
    assert run_command(score, argv) == 0
    [run] = list_runs(str(tmp_path / "labels"))
    assert run["run"] == "-"
    assert run["rows"] == 30


def test_nothing_there(tmp_path, capsys):
    assert run_command(runs, ["--output", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err == f"newsbeam: there are no runs in {tmp_path}/nowhere\n"


def test_as_lines():
    run = {
        "bundle": "0123456789ab", "run": "20261122T031500Z", "state": "published", "inputs": 12,
        "rows": 1234567, "errors": 89, "seconds": 4205.0, "finished": "2026-11-22T04:25:05+00:00",
    }  # fmt: skip
    assert as_lines([run]) == [
        "bundle        run               state      inputs       rows  errors  duration  finished",
        "0123456789ab  20261122T031500Z  published      12  1,234,567      89   1:10:05  "
        "2026-11-22T04:25:05+00:00",
    ]


def test_a_run_of_nothing_but_bad_files_can_be_read(tmp_path, fake, play, capsys):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no more")
    flags = ["--input", str(tmp_path / "a.parquet"), "--on_bad_file", "skip", "--model", fake]
    argv = [*flags, "--output", str(tmp_path / "labels")]
    assert run_command(score, argv) == 0
    assert run_command(score, argv) == 0
    assert "nothing to do" in capsys.readouterr().out
