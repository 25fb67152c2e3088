"""Workers that die where the runner would wait for them for ever."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from fakes import write_jsonl
from outputs import rows
from pipeline.worker import watchdog
from pipeline.worker.watchdog import Watchdog, WorkerLostError, needs_watching, register_worker
from places import ROOT


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(watchdog, "REST", 0)
    monkeypatch.setattr(watchdog, "GRACE_SECONDS", 0.2)


def register(work: Path, pid: int, started: int | None = None, host: str | None = None) -> None:
    name = watchdog._name(psutil.Process(pid)).rsplit("-", 2)
    name[0] = host or name[0]
    name[2] = str(started or name[2])
    (work / ("worker-" + "-".join(name))).write_bytes(b"")


def test_a_living_worker_is_left_alone(tmp_path, impatient):
    register_worker(str(tmp_path))
    register_worker(str(tmp_path))
    register_worker(None)
    assert len(list(tmp_path.iterdir())) == 1
    dog = Watchdog(str(tmp_path))
    for _ in range(3):
        dog.check()
        time.sleep(0.15)
    watchdog.forget_workers(str(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("how", ["killed", "zombie", "another process has its number"])
def test_a_dead_worker_is_noticed_after_a_while(tmp_path, impatient, how):
    child = subprocess.Popen(["sleep", "60"])
    register(tmp_path, child.pid, 12345 if how.startswith("another") else None)
    if how != "another process has its number":
        child.kill()
        if how == "killed":
            child.wait()
    dog = Watchdog(str(tmp_path))
    try:
        time.sleep(0.1)
        dog.check()  # it may be at its end, in good order
        time.sleep(0.3)
        with pytest.raises(WorkerLostError, match=f"worker process {child.pid} died") as caught:
            dog.check()
        assert caught.value.exit_code == 1
    finally:
        child.kill()
        child.wait()


def test_workers_of_other_machines_are_not_ours_to_judge(tmp_path, impatient):
    register(tmp_path, os.getpid(), 12345, host="some-other-host")
    dog = Watchdog(str(tmp_path))
    for _ in range(2):
        dog.check()
        time.sleep(0.3)


def test_a_process_that_a_worker_forks_is_no_worker(tmp_path, impatient):
    """Libraries do, and it ends when it has done its work."""
    worker = (
        "import os, sys, time\n"
        "child = os.fork()\n"
        "if child:\n"
        "    print(child, flush=True)\n"
        "    os.waitpid(child, 0)\n"
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", worker, "sdk_worker_main"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        child = int(process.stdout.readline())
        dog = Watchdog(str(tmp_path))
        dog.check()
        os.kill(child, signal.SIGKILL)
        for _ in range(2):
            time.sleep(0.3)
            dog.check()
        process.kill()
        time.sleep(0.1)
        dog.check()
        time.sleep(0.3)
        with pytest.raises(WorkerLostError, match=f"worker process {process.pid} died"):
            dog.check()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--runner=FnApiRunner"], True),
        (["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"], True),
        (["--runner=DirectRunner"], True),
        (["--runner=PortableRunner", "--job_endpoint=localhost:8099"], True),
        (["--runner=PortableRunner", "--job_endpoint=embed"], True),
        (["--runner=PortableRunner", "--job_endpoint=flink.example:8099"], False),
        (["--runner=FlinkRunner"], False),
        (["--runner=DataflowRunner"], False),
    ],
)
def test_needs_watching(flags, expected):
    assert needs_watching(PipelineOptions(flags)) == expected


@pytest.mark.slow
def test_a_killed_worker_process_ends_the_run(zygote, fake, tmp_path):
    """Under `multi_processing` Beam itself would wait for ever."""
    write_jsonl(tmp_path / "news.jsonl", 400)
    # Each process of the run, workers too, plays a model that takes its time.
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'sdk_worker' in ' '.join(sys.orig_argv):\n"
        "    from fakes import play_model\n"
        "    play_model(0.5)\n"
    )
    path = os.pathsep.join([str(tmp_path / "site"), str(ROOT), str(ROOT / "tests" / "helpers")])
    output = tmp_path / "labels"
    argv = ["--input", str(tmp_path / "news.jsonl"), "--model", fake, "--output", str(output)]
    argv += ["--shard_rows", "20"]
    workers = ["--direct_running_mode", "multi_processing", "--direct_num_workers", "2"]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.score", *argv, *workers],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path)},
        )
        try:
            wait_for(lambda: list(output.glob("_work-*/000000-*.parquet")), 240)
            children = psutil.Process(process.pid).children(recursive=True)
            [registered, *_] = output.glob("_work-*/worker-*")
            os.kill(int(registered.name.rsplit("-", 2)[1]), signal.SIGKILL)
            killed = time.monotonic()
            code = process.wait(60)
            assert time.monotonic() - killed < 60
        finally:
            process.kill()
            process.wait()
    said = (tmp_path / "log").read_text()
    assert code == 1, said
    [line] = [line for line in said.splitlines() if "starting up" not in line]
    assert line.startswith("newsbeam: worker process ")
    assert "died (out of memory, or killed)" in line
    assert "the same command continues" in line
    wait_for(lambda: not any(map(is_running, children)), 10)
    assert len(list(output.glob("_work-*/*.parquet"))) < 21
    end = zygote.run(*argv)
    assert end["code"] == 0, end["out"]
    assert len(rows(output)) == 400


def is_running(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def wait_for(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.2)


def test_a_look_that_takes_long_is_followed_by_a_rest(tmp_path, monkeypatch):
    now, looks = [0.0], []

    def named(*_):
        looks.append(now[0])
        now[0] += 1.0
        return []

    monkeypatch.setattr(watchdog, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(watchdog.storage, "named", named)
    watched = watchdog.Watchdog(str(tmp_path))
    while now[0] < 25:
        watched.check()
        now[0] += 0.5
    assert looks == [0.0, 10.0, 20.0]
