"""Runs in bfloat16: only where it is asked for, and only where the processor has it."""

import pytest

from fakes import write_jsonl
from outputs import manifest
from pipeline.launcher.command import run_command
from pipeline.score import score


@pytest.fixture
def run(tmp_path, fake, play, monkeypatch):
    """Scores ten texts in bfloat16 and says with which exit code; `lacks(...)` takes it away."""
    write_jsonl(tmp_path / "a.jsonl", 10, 1)

    def lacks(launcher=None, worker=None):
        monkeypatch.setattr("pipeline.launcher.run.no_bfloat16", lambda: launcher)
        monkeypatch.setattr("model.engines.loading.no_bfloat16", lambda: worker)

    def run(*options, precision="bfloat16"):
        where = ["--input", str(tmp_path / "a.jsonl"), "--output", str(tmp_path / "out")]
        how = ["--engine", "openvino", "--precision", precision]
        return run_command(score, [*where, "--model", fake, *how, *options])

    lacks()
    run.lacks = lacks
    return run


def test_the_launcher_refuses_before_any_work(run, tmp_path, capsys):
    run.lacks(launcher="this one has none")
    assert run() == 2
    said = capsys.readouterr()
    assert said.err == "newsbeam: this one has none; score with --precision float32\n"
    assert said.out == "" and not (tmp_path / "out").exists()
    assert run(precision="float32") == 0
    assert manifest(tmp_path / "out")["plan"]["settings"]["engine"] == ["openvino", "float32", 8192]


def test_the_real_processor_is_asked(tmp_path, fake, play, monkeypatch, capsys):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    write_jsonl(tmp_path / "a.jsonl", 10, 1)
    where = ["--input", str(tmp_path / "a.jsonl"), "--output", str(tmp_path / "out")]
    assert run_command(score, [*where, "--model", fake, "--precision", "bfloat16"]) == 2
    said = capsys.readouterr().err
    assert "bfloat16" in said and said.count("\n") == 1 and not (tmp_path / "out").exists()


def test_a_worker_refuses_in_one_line_and_another_goes_on(run, tmp_path, capsys):
    run.lacks(worker="w-3 has none")
    assert run() == 1
    err = capsys.readouterr().err
    assert err == "newsbeam: w-3 has none; score with --precision float32\n"
    assert not (tmp_path / "out" / "_SUCCESS").exists()
    run.lacks()
    assert run() == 0
    settings = manifest(tmp_path / "out")["plan"]["settings"]
    assert settings["engine"] == ["openvino", "bfloat16", 8192]


def test_what_is_finished_needs_no_units(run, tmp_path, capsys):
    assert run() == 0
    run.lacks(launcher="this one has none")
    assert run() == 0
    assert "nothing to do" in capsys.readouterr().out
    assert run("--overwrite") == 2
    assert (tmp_path / "out" / "_SUCCESS").exists()
    assert run(precision="float32") == 2
    assert "(precision: bfloat16 there, float32 now)" in capsys.readouterr().err


def test_workers_elsewhere_look_for_themselves(run, monkeypatch):
    submitted = []
    monkeypatch.setattr("pipeline.launcher.run.hand_over", submitted.append)
    run.lacks(launcher="this one has none")
    far = ("--runner", "PortableRunner", "--job_endpoint", "far.invalid:1")
    assert run(*far, "--no_wait_until_finish") == 0
    assert len(submitted) == 1


def test_another_precision_scores_a_series_again(run, tmp_path, capsys):
    def runs():
        return len(list(tmp_path.glob("out/bundle=*/run=*")))

    assert run("--incremental", precision="float32") == 0
    assert run("--incremental") == 0
    assert runs() == 2
    run.lacks(launcher="this one has none")
    assert run("--incremental") == 0
    assert "nothing new" in capsys.readouterr().out
    assert runs() == 2
