"""Rows a second with one TaskManager and with two: `python deploy/flink/measure.py --help`.

Each TaskManager has one worker process, and the workers together as many cores as there are
TaskManagers: one worker alone would take all of them. The checkpoints say who wrote them and
when; the rate is that of the time in which all workers were at work, without their start.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from pipeline.output.checkpoints import read_stats  # noqa: E402

WORDS = ("market", "match", "minister", "chip", "oil", "coach", "army", "software")


def write_corpus(folder: Path, rows: int, files: int) -> None:
    """Writes short texts, no two of them equal: each file has one row group."""
    folder.mkdir(parents=True)
    words = np.array(WORDS)
    for number in range(files):
        ids = np.arange(number * (rows // files), (number + 1) * (rows // files))
        drawn = words[np.random.default_rng(number).integers(0, len(words), len(ids))]
        table = pa.table({"title": drawn, "description": ids.astype(str)})
        pq.write_table(table, folder / f"{number:06d}.parquet", row_group_size=len(ids))


def cluster(command: str, taskmanagers: int) -> None:
    """Calls cluster.sh."""
    settings = {"TASKMANAGERS": str(taskmanagers), "PYTHON": sys.executable}
    script = ROOT / "deploy" / "flink" / "cluster.sh"
    subprocess.run([script, command], env={**os.environ, **settings}, check=True)


def limit_workers(cores: int) -> None:
    """Lets the pool, and so the workers that it starts, have so many cores together."""
    run = Path(os.environ.get("FLINK_RUN", ROOT / ".cache" / "flink" / "run"))
    pool = psutil.Process(int((run / "pids" / "pool").read_text()))
    for thread in pool.threads():  # the kernel knows cores by the thread
        os.sched_setaffinity(thread.id, sorted(os.sched_getaffinity(0))[:cores])


def watch(process: subprocess.Popen, output: Path) -> list[tuple[float, str, int]]:
    """When which worker finished how many rows, until the process ends."""
    found: dict[str, tuple[float, str, int]] = {}
    while process.poll() is None:
        for path in output.glob("_work-*/*-*.parquet"):
            if path.name not in found:
                try:
                    (worker, rows), *_ = read_stats(str(path))[0]["workers"].items()
                    found[path.name] = path.stat().st_mtime, worker, rows
                except OSError:  # published meanwhile
                    break
        time.sleep(0.2)
    return sorted(found.values())


def rate(finished: list[tuple[float, str, int]]) -> dict[str, Any]:
    """Rows a second while all workers were at work: from the last one's first checkpoint."""
    times: dict[str, list[float]] = {}
    for moment, worker, _ in finished:
        times.setdefault(worker, []).append(moment)
    start = max(min(each) for each in times.values())
    end = min(max(each) for each in times.values())
    rows = sum(rows for moment, _, rows in finished if start < moment <= end)
    return {
        "together_seconds": round(end - start, 1),
        "rows_a_second": round(rows / (end - start)) if end > start else None,
    }


def measure(taskmanagers: int, output: Path, score: list[str]) -> dict[str, Any]:
    """Scores on a cluster of so many TaskManagers."""
    cluster("up", taskmanagers)
    try:
        limit_workers(taskmanagers)
        flags = ["--runner=FlinkRunner", "--job_endpoint=localhost:8099"]
        flags += ["--environment_type=EXTERNAL", "--environment_config=localhost:50000"]
        flags += [f"--parallelism={taskmanagers}", "--output", str(output)]
        started = time.monotonic()
        command = [sys.executable, "-m", "pipeline.score", *score, *flags]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        finished = watch(process, output)
        seconds = round(time.monotonic() - started, 1)
        if process.returncode:
            raise SystemExit(f"scoring has failed: {process.returncode}")
    finally:
        cluster("down", taskmanagers)
    manifest = json.loads((output / "_manifest.json").read_text())
    return {
        "taskmanagers": taskmanagers,
        "rows_by_worker": list(manifest["stats"]["workers"].values()),
        "find_checkpoints": len(finished),
        **rate(finished),
        "seconds_in_all": seconds,
    }


def main() -> None:
    """Makes the corpus, measures, prints one line of JSON a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="is made; holds corpus and outputs")
    parser.add_argument("--input", help="a corpus, in the place of invented short texts")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--taskmanagers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--model", default=str(ROOT / "bundles" / "agnews-transformer"))
    options, others = parser.parse_known_args()
    if not options.input:
        write_corpus(options.folder / "corpus", options.rows, options.files)
    corpus = options.input or str(options.folder / "corpus")
    score = ["--input", corpus, "--model", options.model, "--engine", "tensorflow", *others]
    for taskmanagers in options.taskmanagers:
        print(
            json.dumps(measure(taskmanagers, options.folder / f"with-{taskmanagers}", score)),
            flush=True,
        )


if __name__ == "__main__":
    main()
