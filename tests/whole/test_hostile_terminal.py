"""Escape sequences and line breaks in data, names and paths reach no terminal as they are."""

import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import fake_bundle
from model import evaluate
from pipeline.launcher.command import run_command
from pipeline.prepare import prepare
from pipeline.progress import progress
from pipeline.report import report
from pipeline.runs import runs
from pipeline.score import score
from places import ROOT

EVIL = "a\x1b]52;c;cm0gLXJmIH4=\x07\nforged: all is well\u2028\u202e"


def check(capsys):
    """Everything that was said so far: nothing that a terminal obeys, no line that data began."""
    said = "".join(capsys.readouterr())
    lines = said.split("\n")
    assert lines and not any(line.startswith("forged") for line in lines)
    assert all(line.isprintable() for line in lines), said
    assert r"\x1b]52;c;" in said
    return said


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "news"
    folder.mkdir()
    titles = ["war", f"chip {EVIL}", "goal"]
    table = pa.table({"title": titles, "description": [""] * 3, EVIL: [EVIL] * 3})
    pq.write_table(table, folder / f"{EVIL}.parquet")
    (folder / f"{EVIL}-broken.parquet").write_bytes(b"PAR1 not at all")
    return folder


def test_scoring_and_what_looks_at_it(corpus, tmp_path, play, capsys):
    model = fake_bundle(tmp_path / f"bundle{EVIL}", name=f"fake{EVIL}")
    output = str(tmp_path / f"labels{EVIL}")
    arguments = ["--input", str(corpus), "--model", model, "--output", output]
    arguments += ["--on_bad_file", "skip", "--carry_columns", "all"]
    assert run_command(score, arguments) == 0
    said = check(capsys)
    assert f"3 rows read{', 3 labelled'}" in said and "skipped: " in said
    for command in (report, progress):
        assert run_command(command, ["--output", output]) == 0
        check(capsys)
    assert run_command(runs, ["--output", output, "--html"]) == 0
    check(capsys)
    assert run_command(score, [*arguments, "--overwrite", "--gold_column", f"no{EVIL}"]) == 2
    assert check(capsys).count("\n") == 1


def test_errors_of_every_command(corpus, tmp_path, capsys):
    for command, arguments in (
        (score, ["--input", str(corpus), "--model", EVIL, "--output", str(tmp_path / "out")]),
        (score, ["--inputs", EVIL]),
        (score, [f"--{EVIL}", "1"]),
        (report, ["--output", EVIL]),
        (runs, ["--output", EVIL]),
        (progress, ["--output", EVIL]),
        (prepare, ["--input", str(corpus), "--output", str(tmp_path), "--label_column", EVIL]),
        (prepare, ["--input", EVIL, "--output", str(tmp_path), "--label_column", "x"]),
    ):
        try:
            code = run_command(command, arguments)
        except SystemExit as ended:
            code = ended.code
        assert code == 2, (command, arguments)
    check(capsys)
    assert evaluate.main(["--model", EVIL, "--input", "x", "--label_column", "x"]) == 2
    check(capsys)


@pytest.mark.slow
@pytest.mark.parametrize("redirection", [">&-", "2>&1 | head -1"])
def test_published_and_nobody_reads(toy_bundle, corpus, tmp_path, redirection):
    output = tmp_path / "labels"
    flags = f"--input '{corpus}' --model '{toy_bundle.path}' --output '{output}'"
    command = f"{sys.executable} -m pipeline.score {flags} --on_bad_file skip {redirection}"
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert (output / "_SUCCESS").exists()
