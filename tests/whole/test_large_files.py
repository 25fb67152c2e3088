"""One large file for all workers: the rows of the same corpus in Parquet, whatever happens."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from outputs import assert_same, manifest, rows
from pipeline import layout, storage
from pipeline.corpus.planning import cutting
from pipeline.corpus.planning.saved_plan import load_plan
from pipeline.output.completion import Done, FinishedWork
from pipeline.output.work import remove_work
from pipeline.score import score
from places import ROOT

ROWS = 230
ROW_SECONDS = 100.0
SMALL = {"LARGE_BYTES": 1, "FEWEST_ROWS": 40, "ITEM_SECONDS": 40 * ROW_SECONDS}
CUT = f"""
import pipeline.launcher.request as request
from pipeline.corpus.planning import cutting
request.row_seconds = lambda *_: {ROW_SECONDS}
for name, value in {SMALL!r}.items():
    setattr(cutting, name, value)
"""
# Dies, by signal, before its operation number `die_at` on names of files, or in a count.
KILLED = """
import os
done = 0
def counted(name):
    real = getattr(os, name)
    def wrapper(*args, **kwargs):
        global done
        done += 1
        if done == {die_at}:
            os.kill(os.getpid(), 9)
        return real(*args, **kwargs)
    setattr(os, name, wrapper)
for name in ("replace", "unlink", "rename", "link"):
    counted(name)
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """The same rows three times over: as lines, compressed, and in Parquet."""
    folder = tmp_path_factory.mktemp("corpus")
    values = [{"title": f"w{row % 7} w{row % 11}", "description": None} for row in range(ROWS)]
    values[100]["title"] = " "
    content = "".join(json.dumps(value) + "\n" for value in values).encode()
    (folder / "a.jsonl").write_bytes(content)
    (folder / "a.jsonl.zst").write_bytes(zstandard.compress(content))
    pq.write_table(pa.Table.from_pylist(values), folder / "a.parquet")
    return folder


@pytest.fixture
def small(monkeypatch):
    """Small files count as large ones, and rows as dear."""
    monkeypatch.setattr("pipeline.launcher.request.row_seconds", lambda *_: ROW_SECONDS)
    for name, value in SMALL.items():
        monkeypatch.setattr(cutting, name, value)


def arguments(file: Path, model: str, output: Path, *more: str) -> list[str]:
    flags = ["--input", str(file), "--model", model, "--output", str(output)]
    return [*flags, "--shard_rows", "16", *more]


def apart_from_names(table: pa.Table, file: Path) -> pa.Table:
    """A table without what says in which file the rows were."""
    ids = [name.removeprefix(str(file)) for name in table["id"].to_pylist()]
    return table.drop_columns(["source", "id"]).append_column("id", pa.array(ids))


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.zst"])
def test_rows_are_those_of_parquet(corpus, fake, play, small, tmp_path, monkeypatch, name):
    assert score(arguments(corpus / "a.parquet", fake, tmp_path / "parquet")) == 0
    kept = tmp_path / "kept"

    def keep(work: str) -> None:
        shutil.copytree(work, kept)
        remove_work(work)

    monkeypatch.setattr("pipeline.output.swap.remove_work", keep)
    assert score(arguments(corpus / name, fake, tmp_path / "labels")) == 0
    assert_same(
        apart_from_names(rows(tmp_path / "labels"), corpus / name),
        apart_from_names(rows(tmp_path / "parquet"), corpus / "a.parquet"),
    )
    found = manifest(tmp_path / "labels")
    assert found["rows"] == ROWS
    assert found["stats"]["sources"][str(corpus / name)]["rows"] == ROWS
    plan = load_plan(storage.join(str(kept), layout.PLAN))
    assert [item.pieces for item in plan.items] == [len(plan.items)] * len(plan.items)
    assert len(plan.items) == 8  # of two Tables
    done = FinishedWork(plan, str(kept)).look()
    assert done == Done(ROWS, found["in_error"], ROWS, 1.0)
    (kept / layout.COUNTS).unlink()
    done = FinishedWork(plan, str(kept)).look()
    assert (done.total, done.share) == (None, pytest.approx(1.0, abs=0.01))


def test_killed_and_continued(corpus, fake, zygote, tmp_path):
    name = "a.jsonl.zst"
    play = CUT + "import fakes\nfakes.play_model()\n"
    whole, output = tmp_path / "whole", tmp_path / "labels"
    assert zygote.run(*arguments(corpus / name, fake, whole), code=play)["code"] == 0
    deaths = []
    for die_at in (5, 6, 7, 12, 99):
        end = zygote.run(
            *arguments(corpus / name, fake, output), code=play + KILLED.format(die_at=die_at)
        )
        if end["code"] == 0:
            break
        assert end["code"] == -9, end["out"]
        deaths.append(len(list(output.glob("_work-*/counts.json"))))
    assert set(deaths) == {0, 1}  # before and after the rows were counted
    assert_same(rows(output), rows(whole))
    assert manifest(output)["rows"] == manifest(whole)["rows"] == ROWS


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.zst"])
def test_two_workers_share_one_file(corpus, small, tmp_path, name):
    bundle = str(ROOT / "bundles" / "agnews-transformer")
    workers = ["--direct_running_mode", "multi_processing", "--direct_num_workers", "2"]
    flags = ["--text_columns", "title"]
    assert score([*arguments(corpus / name, bundle, tmp_path / "labels"), *flags, *workers]) == 0
    assert score([*arguments(corpus / "a.parquet", bundle, tmp_path / "parquet"), *flags]) == 0
    assert_same(
        apart_from_names(rows(tmp_path / "labels"), corpus / name),
        apart_from_names(rows(tmp_path / "parquet"), corpus / "a.parquet"),
    )
    by_worker = manifest(tmp_path / "labels")["stats"]["workers"]
    assert len(by_worker) == 2 and sum(by_worker.values()) == ROWS
