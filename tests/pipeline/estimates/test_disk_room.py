"""A run for which the disk has no room is refused before it writes anything."""

import re
from collections import namedtuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outputs import rows
from pipeline.estimates import disk
from pipeline.launcher.command import run_command
from pipeline.score import score

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def command(tmp_path, fake, play):
    """A run over 4,000 rows with a carried column that cannot be compressed."""
    draw = np.random.default_rng(5)
    texts = [f"w{n} w{n % 7}" for n in range(4000)]
    noise = [draw.bytes(200).hex() for _ in texts]
    table = pa.table({"title": texts, "description": texts, "noise": noise})
    pq.write_table(table, tmp_path / "a.parquet")
    argv = ["--input", str(tmp_path / "a.parquet"), "--model", fake, "--carry_columns", "noise"]
    return [*argv, "--shard_rows", "2000", "--output", str(tmp_path / "labels")]


def with_free(monkeypatch, free: int) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: Usage(1 << 40, 0, free))


def test_no_room(tmp_path, command, monkeypatch, capsys):
    with_free(monkeypatch, 1_000_000)
    assert run_command(score, command) == 2
    told = capsys.readouterr().err
    needed = re.search(r"has no room: the run needs about .* \(([\d,]+) bytes\)", told)
    assert ", 1.0 MB are free (1,000,000); make room, or use another --output\n" in told
    assert told.count("\n") == 1
    assert not (tmp_path / "labels").exists()
    # As much as it says is enough, and not much more than what a run takes.
    bytes_needed = int(needed[1].replace(",", ""))
    with_free(monkeypatch, bytes_needed - 1)
    assert run_command(score, command) == 2
    with_free(monkeypatch, bytes_needed)
    assert run_command(score, command) == 0
    taken = 2 * sum(file.stat().st_size for file in (tmp_path / "labels").iterdir())
    assert taken < bytes_needed < 1.5 * taken
    assert len(rows(tmp_path / "labels")) == 4000


def test_what_is_done_already_needs_no_room(tmp_path, command, monkeypatch):
    with monkeypatch.context() as dies:
        dies.setattr("pipeline.stages.publishing.publish", fails)
        assert run_command(score, command) == 1
    work = next((tmp_path / "labels").glob("_work-*"))
    there = sum(file.stat().st_size for file in work.iterdir())
    with_free(monkeypatch, 700_000)
    assert there > 1_500_000
    assert run_command(score, command) == 0
    with_free(monkeypatch, 0)  # there is nothing to do
    assert run_command(score, command) == 0


def fails(*_):
    raise RuntimeError("no idea")


def test_an_estimate_that_cannot_be_made_refuses_nothing(command, monkeypatch):
    with_free(monkeypatch, 0)
    for name in ("take_sample", "bytes_needed"):
        with monkeypatch.context() as broken:
            broken.setattr(disk, name, fails)
            disk.check_room("/tmp", "/tmp/none", None)
    monkeypatch.setattr(disk, "take_sample", fails)
    assert run_command(score, command) == 0


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path):
    assert disk.bytes_free(str(tmp_path / "a" / "b" / "c")) > 0
    assert disk.bytes_free(f"file://{tmp_path}/a") > 0
