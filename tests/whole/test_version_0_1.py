"""Folders that version 0.1 has published: read by every command, and never scored again.

`data/version_0_1` was written by that version (commit 4473017) with a bundle without a network, on
a processor with bfloat16 units; its reports were left out, as they are large.
"""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from outputs import manifest
from pipeline.launcher.command import run_command
from pipeline.progress import progress
from pipeline.report import report
from pipeline.runs import runs
from pipeline.score import score

DATA = Path(__file__).parent / "data" / "version_0_1"
COMMAND = [
    *("--input", "news", "--model", "bundle", "--id_column", "id", "--gold_column", "topic"),
    *("--carry_columns", "title:headline"),
]


@pytest.fixture
def corpus(tmp_path, monkeypatch, play) -> Path:
    """The folder in which version 0.1 worked; it has moved, as the test must."""
    folder = tmp_path / "corpus"
    shutil.copytree(DATA, folder)
    for path in folder.rglob("_manifest.json"):
        path.write_text(path.read_text().replace("/home/ann/corpus", str(folder)))
    monkeypatch.chdir(folder)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files if path.name != "_fingerprints.json"}


@pytest.mark.parametrize("output, more", [("plain", []), ("series", ["--incremental"])])
def test_the_same_command_has_nothing_to_do(corpus, output, more, capsys):
    before = content(corpus / output)
    assert run_command(score, [*COMMAND, "--output", output, *more]) == 0
    assert capsys.readouterr().out.startswith("nothing ")
    assert content(corpus / output) == before


def test_a_series_goes_on_with_what_is_new(corpus):
    first, second = sorted(Path("series").glob("bundle=*/run=*"))
    new = {"id": "n8", "title": "A kite", "description": "of paper", "topic": "Sports"}
    (corpus / "news" / "c.jsonl").write_text(json.dumps(new) + "\n")
    assert run_command(score, [*COMMAND, "--output", "series", "--incremental"]) == 0
    (third,) = set(Path("series").glob("bundle=*/run=*")) - {first, second}
    assert [source for source, _ in manifest(third)["plan"]["sources"]] == ["news/c.jsonl"]
    assert manifest(third)["replaces"] == []
    schemas = [pq.read_schema(next(run.glob("part-*"))) for run in (first, third)]
    assert schemas[0].equals(schemas[1])


def test_every_command_reads_them(corpus, capsys):
    assert run_command(runs, ["--output", "plain", "--json"]) == 0
    (plain,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (plain["state"], plain["inputs"], plain["rows"], plain["errors"]) == (
        "published",
        2,
        8,
        2,
    )
    assert run_command(runs, ["--output", "series", "--html"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3  # a head, and two runs
    for folder in ("plain", *map(str, Path("series").glob("bundle=*/run=*"))):
        assert run_command(report, ["--output", folder]) == 0
        assert "<html" in (corpus / folder / "_report.html").read_text()
    for folder in ("plain", "series"):
        capsys.readouterr()
        assert run_command(progress, ["--output", folder]) == 0
        assert capsys.readouterr().out.startswith("done: ")
