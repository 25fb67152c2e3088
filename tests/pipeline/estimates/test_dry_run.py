"""`--dry_run` says what a run would do, and writes nothing anywhere."""

import gzip
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import fake_bundle, write_jsonl
from pipeline.launcher.command import run_command
from pipeline.score import score


def everything(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def corpus(tmp_path) -> Path:
    rows = [{"key": n, "title": f"title {n}", "description": "words " * 9} for n in range(300)]
    (tmp_path / "news").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "news" / "a.parquet")
    return tmp_path / "news"


@pytest.fixture
def said(capsys, fake, corpus, tmp_path, play):
    """What a command with `--dry_run` says; it leaves everything as it was."""

    def run(*more: str, code: int = 0) -> str:
        before = everything(tmp_path)
        argv = ["--input", str(corpus), "--model", fake, "--output", str(tmp_path / "out" / "x")]
        assert run_command(score, [*argv, *more, "--dry_run"]) == code
        assert everything(tmp_path) == before
        told = capsys.readouterr()
        return told.err if code else told.out

    return run


def test_what_a_run_would_do(said, fake, tmp_path):
    lines = said("--id_column", "key", "--carry_columns", "title:headline").splitlines()
    size = (tmp_path / "news" / "a.parquet").stat().st_size
    assert lines[0] == "dry run: nothing is written"
    assert lines[1] == f"input: 1 file (parquet 1), {size / 1000:.1f} kB"
    assert lines[2] == "rows: 300"
    assert lines[3] == "columns: text title + description, id key, carried title as headline"
    assert re.fullmatch(
        rf"bundle: {fake} \(fake, \w{{12}}\), labels Business, Sci/Tech, Sports, World", lines[4]
    )
    assert re.fullmatch(r"engine: openvino, float32, [\d,]+ tokens a batch", lines[5])
    assert lines[6] == f"output: {tmp_path}/out/x"
    assert re.fullmatch(r"time: about [\d.]+ s in one process on this .*, by 300 rows", lines[7])
    assert re.fullmatch(r"disk: about [\d.]+ kB at the most, until .* are free", lines[8])
    assert len(lines) == 9


def test_rows_that_nobody_has_counted_are_reckoned(said, corpus):
    (corpus / "a.parquet").unlink()
    lines = b"".join(b'{"title": "w%06d", "description": "the end"}\n' % n for n in range(50_000))
    (corpus / "b.jsonl").write_bytes(lines)
    (corpus / "c.jsonl.gz").write_bytes(gzip.compress(lines))
    about = re.search(r"rows: about ([\d,]+), by", said())
    assert 80_000 < int(about[1].replace(",", "")) < 120_000


def test_the_first_rows_of_a_format_without_lines(said, corpus):
    (corpus / "a.parquet").unlink()
    (corpus / "b.json").write_text(json.dumps([{"title": "a", "description": "b"}] * 30))
    told = said()
    assert "rows: not known before all is read\n" in told
    assert re.search(r"time: about [\d,]+ documents a second", told)
    assert "disk: not known; " in told


def test_languages_and_a_cascade(said, tmp_path, play):
    play.seconds = 0.2  # a batch
    large = fake_bundle(tmp_path / "large", "large")
    told = said("--languages", "de,en", "--then", large, "--confidence", "0.7")
    assert f"then: {large} (large, " in told
    assert "cascade: rows with a score below 0.7 are passed on\n" in told
    assert "languages: de, en\n" in told
    told = said("--then", large, "--agreement", "0.95")
    assert "cascade: the run chooses the threshold that keeps 0.95 of the labels" in told
    assert "time: between " in told


def test_what_is_done_and_what_would_be_refused(said, capsys, corpus, fake, tmp_path):
    argv = ["--input", str(corpus), "--model", fake, "--output", str(tmp_path / "out" / "x")]
    assert run_command(score, argv) == 0
    capsys.readouterr()
    assert "nothing to do: " in said()
    assert "holds another run (limit: None there, 5 now)" in said("--limit", "5", code=2)
    assert "rows: 5\n" in said("--limit", "5", "--overwrite")
    assert "no column nothing in" in said("--id_column", "nothing", "--overwrite", code=2)


def test_incremental(said, capsys, corpus, fake, tmp_path):
    assert "rows: 300\n" in said("--incremental")
    argv = ["--input", str(corpus), "--model", fake, "--output", str(tmp_path / "out" / "x")]
    assert run_command(score, [*argv, "--incremental"]) == 0
    capsys.readouterr()
    assert "nothing new: every input that can be read is scored already" in said("--incremental")
    write_jsonl(corpus / "b.jsonl", 20)
    assert "input: 1 file (jsonl 1), " in said("--incremental")
