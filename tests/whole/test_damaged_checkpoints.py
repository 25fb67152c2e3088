"""Damage in a run's own unfinished work: the same run scores it again."""

from pathlib import Path

import pytest

from fakes import write_jsonl
from outputs import assert_same, rows
from pipeline.launcher.command import run_command
from pipeline.score import score


@pytest.fixture
def command(tmp_path, fake, play):
    for number in range(2):
        write_jsonl(tmp_path / "news" / f"{number}.jsonl", 60, seed=number)
    argv = ["--input", str(tmp_path / "news"), "--model", fake, "--shard_rows", "20"]
    return [*argv, "--output"]


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    if how == "rows":
        path.write_bytes(content[:40] + b"\xff" * 8 + content[48:])
    elif how == "footer":
        path.write_bytes(content[:-footer] + b"\xff" * (footer - 8) + content[-8:])
    else:
        path.write_bytes(b"")


def test_the_same_run_scores_it_again(command, tmp_path, play, capsys):
    assert run_command(score, [*command, str(tmp_path / "calm")]) == 0
    output = tmp_path / "labels"
    assert run_command(score, [*command, str(output), "--max_error_rate", "0.01"]) == 3
    capsys.readouterr()
    [work] = output.glob("_work-*")
    damaged = {
        "000000-000000.parquet": "rows",
        "000000-000001.parquet": "footer",
        "000001-000000.parquet": "rows",
        "000001-000002.end.parquet": "empty",
    }
    for name, how in damaged.items():
        damage(work / name, how)
    before = play.batches
    assert run_command(score, [*command, str(output)]) == 0
    assert play.batches > before
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3  # two footers at one look, then the rows of one part after the other
    ending = " was damaged, and is deleted: its rows are scored again"
    assert all(line.endswith(ending) for line in said)
    assert_same(rows(output), rows(tmp_path / "calm"))


def test_a_disk_that_damages_whatever_is_written_ends_the_run(
    command, tmp_path, monkeypatch, capsys
):
    def damaged(*_):
        from pipeline.errors import DamagedCheckpointError

        raise DamagedCheckpointError("/x/000000-000000.parquet")

    monkeypatch.setattr("pipeline.stages.publishing.read_stats", damaged)
    monkeypatch.setattr("pipeline.launcher.run.MOST_TRIES", 2)
    assert run_command(score, [*command, str(tmp_path / "labels")]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert said[-1] == (
        "newsbeam: the checkpoint /x/000000-000000.parquet was damaged, and is deleted; "
        "the same command continues"
    )
