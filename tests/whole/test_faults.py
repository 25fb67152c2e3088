"""Runs that fail: what a person is told, the exit code, and that the same command continues."""

import gzip
import os
import signal
import stat
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import write_jsonl
from outputs import assert_same, manifest, rows, state
from pipeline.errors import BadFileError, one_line
from pipeline.launcher.launch import run_to_end

SLOW = "import fakes\nfakes.play_model({seconds})\n"


@pytest.fixture
def argv(tmp_path, fake):
    write_jsonl(tmp_path / "news" / "a.jsonl", 60)
    write_jsonl(tmp_path / "news" / "b.jsonl", 60, seed=1)
    flags = ["--input", str(tmp_path / "news"), "--model", fake, "--shard_rows", "20"]
    return [*flags, "--output", str(tmp_path / "labels")]


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "labels"


def one_clear_line(end) -> str:
    assert end["out"].startswith("newsbeam: "), end["out"]
    assert end["out"].count("\n") == 1, end["out"]
    return end["out"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_busy_run_at_once(zygote, argv, output, number):
    busy = SLOW.format(seconds=30)  # a worker that won't come back for long
    end = zygote.run(*argv, code=busy, after=4.0, number=int(number))
    assert end["code"] == 1
    assert end["seconds"] < 15
    assert one_clear_line(end) == "newsbeam: stopped; the same command continues\n"
    assert not (output / "_claim").exists()
    assert state(output) == "working"
    assert zygote.run(*argv)["code"] == 0
    assert len(rows(output)) == 120


def test_a_second_run_on_the_same_output_hears_who_holds_it(zygote, argv, output):
    # The first run starts a second one itself, while it is busy.
    second = (
        "import os, json, fakes, model.engines.loading\n"
        "fakes.play_model()\n"
        "from pipeline.launcher import launch\n"
        "real = launch.threading.Thread.start\n"
        f"argv = {argv!r}\n"
        "def start(thread):\n"
        "    if thread.name == launch.THREAD and not os.environ.get('SECOND'):\n"
        "        os.environ['SECOND'] = '1'\n"
        "        pid = os.fork()\n"
        "        if pid == 0:\n"
        "            from pipeline.launcher.command import run_command\n"
        "            from pipeline.score import score\n"
        "            os._exit(run_command(score, argv))\n"
        "        print('second ended with', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "    real(thread)\n"
        "launch.threading.Thread.start = start\n"
    )
    end = zygote.run(*argv, code=second)
    assert end["code"] == 0
    assert "second ended with 4" in end["out"]
    assert f"newsbeam: {output} is locked by process " in end["out"]
    assert len(rows(output)) == 120


FULL_DISK = """
import errno, os, pipeline.durable as durable
real = durable.writing
from contextlib import contextmanager
left = [{room}]
@contextmanager
def writing(path, make_folder=True):
    with real(path, make_folder) as stream:
        yield stream
        left[0] -= stream.tell()
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device", path)
durable.writing = writing
"""


@pytest.mark.parametrize("room", [0, 12_000, 30_000])
def test_a_writer_that_finds_the_disk_full(zygote, argv, output, room):
    """Nothing can be written any more, not even the line that says why."""
    end = zygote.run(*argv, code=FULL_DISK.format(room=room))
    assert end["code"] == 1
    assert "No space left on device" in one_clear_line(end)
    assert "make room and run the same command again" in end["out"]
    assert not list(output.rglob(".tmp-*"))
    assert zygote.run(*argv)["code"] == 0
    assert len(rows(output)) == 120


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB, where we may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.system(f"mount -t tmpfs -o size=1m newsbeam-test '{place}' 2>/dev/null"):
        pytest.skip("a tmpfs cannot be mounted here")
    yield place
    os.system(f"umount '{place}'")


def test_a_full_disk(zygote, argv, small_disk):
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (980 << 10))
    output = small_disk / "labels"
    argv = [*argv[:-1], str(output)]
    end = zygote.run(*argv)
    assert end["code"] == 2
    assert "labels has no room: the run needs about " in one_clear_line(end)
    assert not output.exists()
    filler.unlink()
    # There was room, and somebody else has taken it.
    fill = f"open({str(filler)!r}, 'wb').write(b'x' * (980 << 10))"
    end = zygote.run(*argv, code=MEANWHILE.format(what=fill))
    assert end["code"] == 1
    assert "No space left on device" in one_clear_line(end)
    assert state(output) in ("planning", "working", "publishing")
    filler.unlink()
    end = zygote.run(*argv)
    assert end["code"] == 0, end["out"]
    assert len(rows(output)) == 120


def test_too_many_errors(zygote, argv, output):
    end = zygote.run(*argv, "--max_error_rate", "0.01")
    assert end["code"] == 3
    assert "--max_error_rate allows 1.00%): blank 8, json 6; nothing was" in one_clear_line(end)
    assert state(output) == "publishing" or state(output) == "working"
    assert not list(output.glob("part-*"))
    # The finished work is kept: nothing is scored again.
    end = zygote.run(*argv, "--max_error_rate", "0.5", code=SLOW.format(seconds=100))
    assert end["code"] == 0, end["out"]
    assert len(rows(output)) == 120


def test_a_damaged_input_stops_the_job_before_the_work(zygote, argv, output, tmp_path):
    bad = tmp_path / "news" / "c.parquet"
    bad.write_bytes(b"PAR1 and no more")
    end = zygote.run(*argv)
    assert end["code"] == 2
    assert f"cannot read {bad}: " in one_clear_line(end)
    assert not output.exists()
    end = zygote.run(*argv, "--on_bad_file", "skip")
    assert end["code"] == 0
    assert f"skipped: {bad}: " in end["out"]
    assert manifest(output)["bad_files"][0]["path"] == str(bad)
    assert len(rows(output)) == 120


def test_a_truncated_gzip_is_seen_while_it_is_read(zygote, argv, output, tmp_path):
    """Its beginning can be read, so it is found out late; then the rows up to there may count."""
    text = write_jsonl(tmp_path / "c.jsonl", 50_000, seed=2).read_bytes()
    bad = tmp_path / "news" / "c.jsonl.gz"
    whole = gzip.compress(text, 1)
    bad.write_bytes(whole[: len(whole) // 2])
    argv = [*argv, "--shard_rows", "5000"]
    end = zygote.run(*argv)
    assert end["code"] == 1
    assert f"cannot read {bad}: Compressed file ended" in one_clear_line(end)
    # The same work goes on with other orders.
    end = zygote.run(*argv, "--on_bad_file", "skip")
    assert end["code"] == 0, end["out"]
    read = manifest(output)["stats"]["sources"][str(bad)]["rows"]
    assert 5_000 < read < 50_000
    assert len(rows(output)) == 120 + read
    assert [one["path"] for one in manifest(output)["bad_files"]] == [str(bad)]


MEANWHILE = """
import os, pipeline.launcher.run as run
real = run.run_to_end
def run_to_end(*arguments):
    {what}
    real(*arguments)
run.run_to_end = run_to_end
"""


def test_a_file_that_grows_is_read_as_it_was(zygote, argv, output, tmp_path):
    log = tmp_path / "news" / "b.jsonl"
    grow = f"open({str(log)!r}, 'ab').write(b'{{}}\\n' * 1000 + b'half a li')"
    end = zygote.run(*argv, code=MEANWHILE.format(what=grow))
    assert end["code"] == 0, end["out"]
    assert len(rows(output)) == 120
    assert manifest(output)["bad_files"] == []


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("os.unlink({path!r})", "it has gone since the run was planned"),
        ("os.truncate({path!r}, 100)", "it has changed since the run was planned"),
        (
            "open({path!r}, 'r+b').write(b'X')",
            "it has changed since the run was planned",
        ),
    ],
)
def test_a_file_that_changes_is_not_read(zygote, argv, output, tmp_path, what, reason):
    path = str(tmp_path / "news" / "b.jsonl")
    end = zygote.run(*argv, code=MEANWHILE.format(what=what.format(path=path)))
    assert end["code"] == 1
    assert one_clear_line(end) == f"newsbeam: cannot read {path}: {reason}\n"


def test_a_file_that_was_only_touched_is_read(zygote, argv, output, tmp_path):
    path = str(tmp_path / "news" / "b.jsonl")
    end = zygote.run(*argv, code=MEANWHILE.format(what=f"os.utime({path!r}, (1, 1))"))
    assert end["code"] == 0, end["out"]
    assert len(rows(output)) == 120


def test_an_output_that_cannot_be_written(zygote, argv, tmp_path):
    (tmp_path / "labels").write_text("")
    end = zygote.run(*argv)
    assert end["code"] == 2
    assert "cannot write to" in one_clear_line(end)


def test_a_corpus_of_nasty_shapes(zygote, fake, tmp_path, output):
    """A text of 50 MB, Parquet of no rows and of nulls only, an empty file, one big row group."""
    news = tmp_path / "nasty"
    news.mkdir()
    huge = "word " * 10_000_000
    columns = {"title": [None, huge, "small"], "description": [None, "x", None]}
    pq.write_table(pa.table(columns), news / "a-huge.parquet")
    empty = pa.table({"title": pa.array([], pa.string()), "description": pa.array([], pa.string())})
    pq.write_table(empty, news / "b-empty.parquet")
    nulls = pa.table({"title": pa.nulls(10), "description": pa.nulls(10)})
    pq.write_table(nulls, news / "c-nulls.parquet")
    (news / "d-empty.jsonl").write_bytes(b"")
    (news / "e-blank.csv").write_bytes(b"\n\n\n")
    many = 200_000
    group = pa.table({"title": ["one", "two"] * (many // 2), "description": [""] * many})
    pq.write_table(group, news / "f-group.parquet", row_group_size=many)
    end = zygote.run("--input", str(news), "--model", fake, "--output", str(output))
    assert end["code"] == 0, end["out"]
    found = rows(output)
    assert len(found) == 3 + 10 + many
    assert manifest(output)["stats"]["errors"] == {"blank": 11}
    assert found["tokens"].to_pylist()[:3] == [None, 10_000_001, 1]
    assert found["source_row"].to_pylist()[13:] == list(range(many))


def test_names_of_a_corpus_stay_in_the_output_folder(zygote, fake, tmp_path, output):
    news = tmp_path / "news"
    names = ["%2e%2e%2fetc.jsonl", "[a]*?.jsonl", "new\nline.jsonl", "'; rm -rf;.jsonl"]
    for seed, name in enumerate(names):
        write_jsonl(news / name, 3, seed)
    before = {path for path in tmp_path.rglob("*")}
    end = zygote.run("--input", str(news), "--model", fake, "--output", str(output))
    assert end["code"] == 0, end["out"]
    assert {Path(name).name for name in rows(output)["source"].to_pylist()} == set(names)
    assert {path for path in tmp_path.rglob("*")} - before == {output, *output.iterdir()}


def test_what_a_stuck_pipeline_raises_reaches_the_main_thread(tmp_path):
    """Checks are called while the pipeline hangs, and end it."""

    class Hangs:
        def run(self):
            return self

        def wait_until_finish(self):
            import threading

            threading.Event().wait(3)

    def check():
        raise BadFileError("a", "b")

    with pytest.raises(BadFileError):
        run_to_end(Hangs(), str(tmp_path), [check])


@pytest.mark.parametrize("ends", [BadFileError("a", "b"), KeyboardInterrupt()])
def test_a_job_on_a_cluster_is_cancelled_when_the_launcher_ends(tmp_path, ends):
    """Or it would go on, and publish, beside that of the next launcher."""
    cancelled = threading.Event()

    class Job:
        def run(self):
            return self

        def wait_until_finish(self):
            cancelled.wait(20)

        def cancel(self):
            cancelled.set()

    def check():
        raise ends

    with pytest.raises(type(ends)):
        run_to_end(Job(), str(tmp_path), [check])
    assert cancelled.is_set()


def test_one_line():
    assert one_line(OSError(28, "No space left on device", "/x")) == (
        "No space left on device: /x; make room and run the same command again"
    )
    assert one_line(PermissionError(13, "Permission denied", "/x")) == "Permission denied: /x"
    assert one_line(ValueError("\n first\nsecond")) == "ValueError: first"
    assert one_line(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_a_file_without_permission(zygote, argv, output, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    closed = tmp_path / "news" / "b.jsonl"
    closed.chmod(stat.S_IWUSR)
    assert "Permission denied" in one_clear_line(zygote.run(*argv))


def test_same_rows_whatever_disturbed_them(zygote, argv, output, tmp_path):
    """A run on one thread equals one on four."""
    assert zygote.run(*argv)["code"] == 0
    more = tmp_path / "four"
    argv = [*argv[:-1], str(more), "--direct_num_workers", "4"]
    assert zygote.run(*argv, "--direct_running_mode", "multi_threading")["code"] == 0
    assert_same(rows(more), rows(output))


def test_overwriting_never_deletes_its_own_input(zygote, fake, tmp_path):
    folder = tmp_path / "spark"
    folder.mkdir()
    for number in range(3):
        table = pa.table({"title": ["the team won"], "description": [""]})
        pq.write_table(table, folder / f"part-{number:05d}-c000.snappy.parquet")
    before = sorted(folder.iterdir())
    flags = ["--input", str(folder), "--output", str(folder), "--model", fake, "--overwrite"]
    end = zygote.run(*flags)
    assert end["code"] == 2
    assert "lies in the output folder" in one_clear_line(end)
    assert sorted(folder.iterdir()) == before


def test_a_failed_overwrite_leaves_the_old_run_published(zygote, argv, output):
    assert zygote.run(*argv, "--limit", "30")["code"] == 0
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    end = zygote.run(*argv, "--overwrite", "--max_error_rate", "0.01")
    assert end["code"] == 3
    after = {path.name: path.read_bytes() for path in output.iterdir() if path.is_file()}
    assert after == before
    end = zygote.run(*argv, "--limit", "30")
    assert end["code"] == 0
    assert "nothing to do" in end["out"]
    # The work of the one that failed is kept: nothing is scored again.
    end = zygote.run(*argv, "--overwrite", code=SLOW.format(seconds=100))
    assert end["code"] == 0, end["out"]
    assert len(rows(output)) == 120


def test_folders_and_files_of_somebody_else_stay(zygote, argv, output):
    drafts = output / "_work-drafts" / "thesis.txt"
    drafts.parent.mkdir(parents=True)
    drafts.write_text("a year's work")
    end = zygote.run(*argv)
    assert end["code"] == 2
    assert "holds something else (_work-drafts)" in one_clear_line(end)
    assert zygote.run(*argv, "--overwrite")["code"] == 0
    assert "nothing to do" in zygote.run(*argv)["out"]
    assert drafts.read_text() == "a year's work"
    (output / "part-of-my-thesis.docx").write_text("another year's")
    end = zygote.run(*argv, "--overwrite")
    assert end["code"] == 2
    assert "holds something else (part-of-my-thesis.docx)" in one_clear_line(end)
    assert (output / "part-of-my-thesis.docx").read_text() == "another year's"
