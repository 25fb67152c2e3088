"""Ten nights of new, changed and deleted inputs: the table equals scoring the last state at once.

And real processes, killed at random.
"""

import os
import random
from pathlib import Path

import pytest

from fakes import fake_bundle, write_jsonl
from other_writers import LAKES
from outputs import rows
from pipeline.launcher.command import run_command
from pipeline.score import score

pytestmark = pytest.mark.slow


def flags(folder: Path, model: str, output: str) -> list[str]:
    news = ["--input", str(folder / "news"), "--model", model, "--output", str(folder / output)]
    return [*news, "--id_column", "id", "--shard_rows", "20"]


def labelled(table) -> list[tuple[str, int, str, str]]:
    """Rows, as far as they can be sorted: ids of broken lines are null."""
    return sorted(
        (source, row, str(name), str(label))
        for source, row, name, label in zip(
            *(table[c].to_pylist() for c in ("source", "source_row", "id", "label")), strict=True
        )
    )


@pytest.mark.parametrize(("kind", "drops"), [("delta", True), ("iceberg", False)])
def test_ten_nights(kind, drops, tmp_path, fake, play, monkeypatch):
    lake = LAKES[kind](tmp_path, monkeypatch)
    draw = random.Random(3)
    model, kept = fake, {}
    for night in range(10):
        here = sorted((tmp_path / "news").glob("*.jsonl"))
        for path in draw.sample(here, min(len(here), night % 3)):
            write_jsonl(path, draw.randint(1, 30), seed=100 + night)  # changed
        if night in (3, 5, 8):
            here[night % len(here)].unlink()  # deleted
        if night == 5:
            model = fake_bundle(tmp_path / "another-bundle", "another")
        if night != 7:  # on which there may be nothing new
            write_jsonl(tmp_path / "news" / f"{night}.jsonl", draw.randint(1, 30), seed=night)
        more = ["--drop_deleted_inputs"] if drops else []
        argv = [*flags(tmp_path, model, "labels"), "--incremental", "--table", lake.name, *more]
        assert run_command(score, argv) == 0
        for row in labelled(lake.arrow()):
            kept.setdefault(row[0], set())
        for source in kept:
            if Path(source).exists():
                kept[source] = {row for row in labelled(lake.arrow()) if row[0] == source}
    assert run_command(score, flags(tmp_path, model, "at-once")) == 0
    expected = labelled(rows(tmp_path / "at-once"))
    gone = {row for source, some in kept.items() if not Path(source).exists() for row in some}
    assert len({row[0] for row in gone}) == 3
    assert labelled(lake.arrow()) == sorted([*expected, *([] if drops else gone)])


def test_a_deleted_input_that_comes_back_is_scored_again(tmp_path, fake, play, monkeypatch):
    lake = LAKES["delta"](tmp_path, monkeypatch)
    write_jsonl(tmp_path / "news" / "a.jsonl", 5, 1)
    path = write_jsonl(tmp_path / "news" / "b.jsonl", 5, 2)
    more = ["--incremental", "--table", lake.name, "--drop_deleted_inputs"]
    argv = [*flags(tmp_path, fake, "labels"), *more]
    counts = []
    for act in (lambda: None, lambda: path.rename(tmp_path / "b"), lambda: None,
                lambda: (tmp_path / "b").rename(path)):  # fmt: skip
        act()
        assert run_command(score, argv) == 0
        counts.append(len(lake.arrow()))
    assert counts == [10, 5, 5, 10]


def test_real_processes_that_are_killed(zygote, tmp_path, fake, monkeypatch):
    lake = LAKES["delta"](tmp_path, monkeypatch)
    write_jsonl(tmp_path / "news" / "a.jsonl", 60, 1)
    write_jsonl(tmp_path / "news" / "b.jsonl", 60, 2)
    argv = [*flags(tmp_path, fake, "labels"), "--incremental", "--table", lake.name]
    assert zygote.run(*argv)["code"] == 0
    code = (  # dies at the given step of publishing, by its own hand
        "import os, sys\n"
        "sys.path.insert(0, os.path.dirname(__import__('fakes').__file__))\n"
        "import pytest, toy_runs\n"
        "from pipeline.tables import delta\n"
        "from pipeline.tables.delta_version import Delta\n"
        "from pipeline.stages import publishing\n"
        "real = publishing.publish\n"
        "def publish(*a):\n"
        "    def act(n):\n"
        "        if n == {step}: os.kill(os.getpid(), 9)\n"
        "    commits = [(Delta, 'commit'), (delta, 'create_delta')]\n"
        "    toy_runs.stepping(pytest.MonkeyPatch(), act, commits)\n"
        "    real(*a)\n"
        "publishing.publish = publish\n"
    )
    draw = random.Random(5)
    killed = 0
    for number in range(10):
        write_jsonl(tmp_path / "news" / "a.jsonl", 40 + number, seed=10 + number)
        os.utime(tmp_path / "news" / "a.jsonl", (10 + number, 10 + number))
        end = zygote.run(*argv, code=code.format(step=draw.randint(1, 24)))
        killed += end["code"] == -9
        end = zygote.run(*argv)
        assert end["code"] == 0, end["out"]
        found = labelled(lake.arrow())
        assert len(found) == 100 + number
        assert len({row[:2] for row in found}) == len(found)
        assert {row[2].partition("-")[0] for row in found} >= {str(10 + number), "2"}
    assert killed >= 5
