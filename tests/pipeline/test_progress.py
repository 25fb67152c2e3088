"""Progress: checkpoints against the plan, on a terminal, in a pipe, from another terminal."""

import bz2
import dataclasses
import gzip
import io
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from pipeline import durable
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.saved_plan import save_plan
from pipeline.corpus.sources import Columns, ReadSettings, Source, WorkItem
from pipeline.errors import NewsbeamError, UsageError
from pipeline.output.checkpoints import write_checkpoint
from pipeline.output.completion import Done, FinishedWork, bytes_of_row
from pipeline.output.work import work_folder
from pipeline.progress import progress, watch
from pipeline.reporting import progress_bar
from pipeline.reporting.progress_bar import Display, Speed, sentence, showing_progress
from places import ROOT
from scored import scored_table


def plan_of(sources, items):
    settings = {"bundle": "b", "version": "1", "max_tokens": 16}
    reading = ReadSettings(100)
    return Plan(settings, Columns(("text",)), {}, reading, sources, items, [])


def parquet_plan():
    source = Source("a.parquet", "parquet", 9000, 300, "x")
    return plan_of([source], [WorkItem(0, 0, 0, 200), WorkItem(1, 0, 200, 100)])


def text_plan(tmp_path):
    for name, rows in (("a.jsonl", 300), ("b.jsonl", 100)):
        (tmp_path / name).write_text("x" * 99 + "\n" + ("y" * 99 + "\n") * (rows - 1))
    sources = [
        Source(str(tmp_path / "a.jsonl"), "jsonl", 30_000, None, "x"),
        Source(str(tmp_path / "b.jsonl"), "jsonl", 10_000, None, "y"),
    ]
    return plan_of(sources, [WorkItem(0, 0, 0, None), WorkItem(1, 1, 0, None)])


def finish(plan, work, item, table, rows, last=False, errors=0):
    made = scored_table(
        [{"error": "blank: no text"}] * errors + [{}] * (rows - errors), item=item, table=table
    )
    made = dataclasses.replace(made, last=last)
    Path(work).mkdir(exist_ok=True)
    write_checkpoint(made, plan, str(work))


def test_known_rows(tmp_path):
    plan = parquet_plan()
    finished = FinishedWork(plan, str(tmp_path))
    assert finished.look() == Done(0, 0, 300, 0.0)
    finish(plan, tmp_path, 0, 0, 100, errors=7)
    (tmp_path / ".tmp-123").write_text("half a file")
    assert finished.look() == Done(100, 7, 300, pytest.approx(1 / 3))
    finish(plan, tmp_path, 1, 0, 100, last=True, errors=1)
    finish(plan, tmp_path, 0, 1, 100, last=True)
    assert finished.look() == Done(300, 8, 300, 1.0)


def test_a_footer_is_read_once(tmp_path, monkeypatch):
    plan = parquet_plan()
    finish(plan, tmp_path, 0, 0, 100)
    finished = FinishedWork(plan, str(tmp_path))
    finished.look()
    monkeypatch.setattr(
        "pipeline.output.completion.read_stats", lambda path: pytest.fail("read again")
    )
    assert finished.look().rows == 100


def test_files_that_are_gone_still_count(tmp_path):
    plan = parquet_plan()
    finish(plan, tmp_path, 0, 0, 100)
    finished = FinishedWork(plan, str(tmp_path))
    finished.look()
    durable.delete_folder(str(tmp_path))
    assert finished.look().rows == 100


def test_unknown_rows_are_estimated_by_bytes(tmp_path):
    plan = text_plan(tmp_path)
    work = tmp_path / "work"
    finished = FinishedWork(plan, str(work))
    finish(plan, work, 0, 0, 100)
    assert finished.look() == Done(100, 0, None, pytest.approx(0.25))
    finish(plan, work, 1, 0, 100, last=True)
    assert finished.look().share == pytest.approx(0.5)
    finish(plan, work, 0, 2, 90, last=True)  # the second is still on its way
    assert finished.look().share == pytest.approx((19_000 + 10_000) / 40_000)
    finish(plan, work, 0, 1, 100)
    assert finished.look() == Done(390, 0, None, 1.0)


def test_bytes_of_a_packed_row_are_packed_bytes(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"z" * 999 + b"\n") * 1)
    assert bytes_of_row(str(path), "jsonl") == path.stat().st_size
    empty = tmp_path / "b.csv"
    empty.write_text("")
    assert bytes_of_row(str(empty), "csv") == 0


@pytest.mark.parametrize(("ending", "pack"), [("", bytes), (".bz2", bz2.compress)])
def test_line_breaks_in_quotes_are_no_rows(tmp_path, ending, pack):
    path = tmp_path / f"a.csv{ending}"
    path.write_bytes(pack(b'"one\ntwo\nthree",x\n' * 100))
    assert bytes_of_row(str(path), "csv") == path.stat().st_size / 100


def test_sentences():
    speed = Speed()
    speed.add(Done(1000, 0, 10_000, 0.1), 100.0)
    assert sentence(Done(1000, 0, 10_000, 0.1), speed) == "1,000 of 10,000 rows"
    now = Done(3000, 2, 10_000, 0.3)
    speed.add(now, 104.0)
    expected = "3,000 of 10,000 rows, 500 documents a second, 14 s left, 2 in error"
    assert sentence(now, speed) == expected
    text = Done(3000, 0, None, 0.3)
    assert sentence(text, speed).startswith("3,000 rows (about 30.0%), 500 documents a second")
    assert sentence(Done(9, 0, 9, 1.0), speed).endswith("publishing")


def test_speed_forgets_what_is_long_ago():
    speed = Speed()
    for second in range(0, 300, 10):
        rows = second if second <= 200 else 200 + (second - 200) * 50
        speed.add(Done(rows, 0, 10_000, rows / 10_000), float(second))
    assert speed.rows_a_second() == pytest.approx(50, rel=0.01)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_one_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    shown = Display(terminal)
    shown.show(Done(0, 0, 300, 0.0))
    shown.show(Done(150, 3, 300, 0.5))
    shown.close()
    text = terminal.getvalue()
    assert text.count("\n") == 1
    last = text.split("\r")[-1]
    assert " 50% |" in last
    assert "150 of 300 rows" in last
    assert "3 in error" in last


def test_a_pipe_gets_a_line_every_thirty_seconds(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("pipeline.reporting.progress_bar.time.monotonic", lambda: clock[0])
    pipe = io.StringIO()
    shown = Display(pipe)
    for second in range(0, 95, 5):
        clock[0] = float(second)
        shown.show(Done(second * 10, 0, 1000, second / 100))
    lines = pipe.getvalue().splitlines()
    assert lines == [
        "30.0%: 300 of 1,000 rows, 10 documents a second, 1 min 10 s left",
        "60.0%: 600 of 1,000 rows, 10 documents a second, 40 s left",
        "90.0%: 900 of 1,000 rows, 10 documents a second, 10 s left",
    ]


def test_progress_runs_beside_the_work_and_fails_without_a_word(tmp_path, monkeypatch):
    monkeypatch.setattr(progress_bar, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(progress_bar, "REST", 0)
    plan = parquet_plan()
    terminal = Terminal()
    with showing_progress(plan, str(tmp_path), terminal):
        (tmp_path / "000001-000000.parquet").write_bytes(b"no Parquet")
        time.sleep(0.2)
        assert "100 of 300 rows" not in terminal.getvalue()
        (tmp_path / "000001-000000.parquet").unlink(missing_ok=True)
        finish(plan, tmp_path, 0, 0, 100)
        deadline = time.monotonic() + 30
        while "100 of 300 rows" not in terminal.getvalue() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert "100 of 300 rows" in terminal.getvalue()


@pytest.fixture
def output(tmp_path):
    """A folder with a run under way, a third of it done, locked by this process."""
    plan = parquet_plan()
    work = work_folder(str(tmp_path), plan)
    save_plan(plan, f"{work}/plan.json")
    finish(plan, work, 0, 0, 100)
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": "now"}
    (tmp_path / "_claim").write_text(json.dumps(holder))
    return tmp_path


def publish(output):
    published = ROOT / "tests" / "whole" / "data" / "version_0_1" / "plain" / "_manifest.json"
    told = {"rows": 300, "in_error": 2, "finished": "2026-11-22T06:00:00+00:00", "seconds": 9}
    manifest = {**json.loads(published.read_text()), **told}
    (output / "_manifest.json").write_text(json.dumps(manifest))
    (output / "_SUCCESS").write_text("")


def test_watching_ends_when_the_run_is_published(output):
    threading.Timer(1.0, publish, [output]).start()
    terminal = Terminal()
    assert watch(str(output), terminal) == 0
    assert "100 of 300 rows" in terminal.getvalue()
    assert "done: 300 rows, 2 in error" in terminal.getvalue()


def test_watching_a_finished_run(tmp_path, capsys):
    publish(tmp_path)
    assert progress(["--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("done: 300 rows, 2 in error, finished 2026-11-22")


def test_once(output, capsys):
    assert progress(["--output", str(output), "--once"]) == 0
    assert capsys.readouterr().out == "100 of 300 rows\n"


def test_an_incremental_run_is_found(output, tmp_path_factory, capsys):
    root = tmp_path_factory.mktemp("root")
    series = root / "bundle=abc"
    series.mkdir()
    output.rename(series / "run=20261122T060000Z")
    publish_older = series / "run=20261121T060000Z"
    publish_older.mkdir()
    publish(publish_older)
    assert progress(["--output", str(root), "--once"]) == 0
    assert capsys.readouterr().out == "100 of 300 rows\n"


def test_a_run_that_nobody_works_on(output):
    (output / "_claim").unlink()
    with pytest.raises(NewsbeamError, match=r"nobody works on .* \(100 of 300 rows\)"):
        watch(str(output), io.StringIO())


def test_a_run_that_died_early_is_not_said_to_be_starting(output):
    (output / "_claim").unlink()
    for checkpoint in output.glob("_work-*/0*.parquet"):
        checkpoint.unlink()
    with pytest.raises(NewsbeamError, match=r"nobody works on .* \(0 of 300 rows\)"):
        watch(str(output), io.StringIO())


def test_no_run(tmp_path):
    with pytest.raises(UsageError, match="there is no run in"):
        progress(["--output", str(tmp_path)])
