"""A real Flink cluster: its worker pool is killed, then one of its two TaskManagers.

It runs where Java and Maven are, takes a few minutes, and fetches 400 MB once a checkout. Starting
workers takes most of it (each imports TensorFlow), so all is looked at in one job.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
import urllib.request
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.output.checkpoints import read_stats
from pipeline.score import score
from places import ROOT
from ports import free_port

SCRIPT = ROOT / "deploy" / "flink" / "cluster.sh"
WORDS = np.array(["team", "market", "war", "won", "chip", "fell", "Ünknown", "京都"])

ROWS = 100_000  # of the one file, and of all the others together
FILES = 1000
LINES = 20_000  # rows of a file of JSON lines that is cut into pieces
PIECES = 4
ALL = 2 * ROWS + LINES


class Cluster:
    """cluster.sh, with ports of its own."""

    def __init__(self, folder: Path):
        ports = {name: str(free_port()) for name in ("REST_PORT", "RPC_PORT", "JOB_PORT")}
        self.ports = {**ports, "POOL_PORT": str(free_port())}
        self._folder = folder

    def __call__(self, command):
        own = {"PYTHON": sys.executable, "FLINK_RUN": str(self._folder), **self.ports}
        environment = {**os.environ, **own}
        return subprocess.run([SCRIPT, command], env=environment, capture_output=True, text=True)

    def flags(self):
        return [
            "--runner=FlinkRunner",
            f"--job_endpoint=localhost:{self.ports['JOB_PORT']}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{self.ports['POOL_PORT']}",
            "--parallelism=2",
        ]

    def ask(self, what):
        """Asks Flink's REST interface."""
        with urllib.request.urlopen(
            f"http://localhost:{self.ports['REST_PORT']}/{what}"
        ) as recorded:
            return json.load(recorded)

    def pool(self):
        """The process id of the worker pool."""
        return int((self._folder / "pids" / "pool").read_text())


@pytest.fixture
def cluster(tmp_path):
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}")
    cluster = Cluster(tmp_path / "cluster")
    try:
        up = cluster("up")
        if up.returncode == 3:
            pytest.skip(up.stderr.strip())
        assert up.returncode == 0, up.stderr
        yield cluster
    finally:
        cluster("down")


def texts(rows, first=0):
    """Rows of short texts, all different, some blank."""
    words = WORDS[np.random.default_rng(first).integers(0, len(WORDS), (rows, 2))]
    numbers = np.arange(first, first + rows).astype(str)
    titles = [None if number % 50 == 0 else one for number, one in enumerate(words[:, 0])]
    recorded = np.char.add(np.char.add(words[:, 1], " "), numbers)
    recorded[::50] = ""
    return pa.table({"key": numbers, "title": titles, "description": recorded})


class Watch:
    """Reads which worker wrote what while a run goes on.

    Args:
        output: the run's output folder.
    """

    def __init__(self, output: Path):
        self._output = output
        self._seen: dict[str, tuple[str, str, int]] = {}

    def workers(self, source, but=()):
        """Rows by worker, but for some of them, in the checkpoints of such a source."""
        for path in self._output.glob("_work-*/*-*.parquet"):
            if path.name not in self._seen:
                stats = read_stats(str(path))[0]
                (worker, rows), *_ = stats["workers"].items()
                self._seen[path.name] = next(iter(stats["sources"])), worker, rows
        found: dict[str, int] = {}
        for name, worker, rows in self._seen.values():
            if source in name and worker not in but:
                found[worker] = found.get(worker, 0) + rows
        return found


def lives(worker):
    try:
        process = psutil.Process(int(worker.rsplit("-", 2)[1]))
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def write_corpora(folder):
    """One file of a single row group, a thousand files, and one of JSON lines."""
    for name in ("one", "many", "lines"):
        (folder / name).mkdir(parents=True)
    pq.write_table(texts(ROWS), folder / "one" / "all.parquet", row_group_size=ROWS)
    assert pq.read_metadata(folder / "one" / "all.parquet").num_row_groups == 1
    each = ROWS // FILES
    for number in range(FILES):
        path = folder / "many" / f"{number:03d}.parquet"
        pq.write_table(texts(each, ROWS + number * each), path)
    lines = map(json.dumps, texts(LINES, 2 * ROWS).to_pylist())
    (folder / "lines" / "all.jsonl").write_text("\n".join(lines))


@pytest.mark.slow
@pytest.mark.flink
@pytest.mark.timeout(1500)
def test_killed_pool_and_killed_taskmanager_change_nothing(
    cluster, tmp_path, toy_bundle, monkeypatch
):
    # A row group that a toy scores in no time would be one worker's: here it is cut all the same.
    monkeypatch.setattr("pipeline.launcher.request.row_seconds", lambda *_: 0.0)
    monkeypatch.setattr("pipeline.corpus.planning.cutting._pieces", lambda *_: PIECES)
    write_corpora(tmp_path / "in")
    argv = [
        flag
        for name in ("one", "many", "lines")
        for flag in ("--input", str(tmp_path / "in" / name))
    ]
    argv += ["--model", toy_bundle.path, "--id_column", "key", "--engine", "tensorflow"]
    argv += ["--shard_rows", "500", "--output"]
    assert score([*argv, str(tmp_path / "local")]) == 0
    watch, pool = Watch(tmp_path / "flink"), cluster.pool()
    kills, troubles = [], []

    def kill():
        try:
            while len(watch.workers("/one/")) < 2:
                time.sleep(0.1)
            kills.append(watch.workers("/one/"))
            assert cluster("kill-pool").returncode == 0
            assert not any(lives(worker) for worker in kills[0])
            while len(new := watch.workers("/many/", but=kills[0])) < 2:
                time.sleep(0.1)
            kills.append(new)
            assert cluster("kill-one").returncode == 0
        except BaseException:
            troubles.append(traceback.format_exc())

    threading.Thread(target=kill, daemon=True).start()
    assert score([*argv, str(tmp_path / "flink"), *cluster.flags()]) == 0
    assert troubles == []
    before_pool, before_taskmanager = kills
    assert sum(before_pool.values()) < ROWS
    assert sum(before_taskmanager.values()) < ROWS
    assert cluster.pool() != pool
    running = cluster("status").stdout.split()
    assert "taskmanager-1" in running and "taskmanager-2" not in running

    (job,) = cluster.ask("jobs/overview")["jobs"]
    assert job["state"] == "FINISHED"
    failures = cluster.ask(f"jobs/{job['jid']}/exceptions")["exceptionHistory"]["entries"]
    assert len(failures) >= 2

    local, flink = (pq.read_table(tmp_path / name) for name in ("local", "flink"))
    assert local.num_rows == ALL
    columns = ["score", "probabilities"]
    assert flink.drop_columns(columns).equals(local.drop_columns(columns))
    assert flink["score"].to_pylist() == pytest.approx(local["score"].to_pylist(), abs=1e-6)
    workers = json.loads((tmp_path / "flink" / "_manifest.json").read_text())["stats"]["workers"]
    assert sum(workers.values()) == ALL
    for before in kills:  # what was finished then is still those workers'
        assert all(workers[worker] >= rows for worker, rows in before.items())
