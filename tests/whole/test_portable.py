"""The portable runner: a job service and a worker pool, each in a process of its own."""

import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from corpora import corpus, write_corpus
from pipeline.score import score
from ports import free_port, wait_for


@pytest.fixture
def services():
    """Ports of a job service and of a worker pool."""
    job_port, pool_port = free_port(), free_port()
    portability = "apache_beam.runners.portability.local_job_service_main"
    pool = "apache_beam.runners.worker.worker_pool_main"
    commands = [
        [sys.executable, "-m", portability, "--port", str(job_port)],
        [sys.executable, "-m", pool, "--service_port", str(pool_port)],
    ]
    # The pool starts its workers as `python`, whichever that is.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    processes = [
        subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        for port, process in zip((job_port, pool_port), processes, strict=True):
            wait_for(port, process)
        yield job_port, pool_port
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


@pytest.mark.slow
def test_portable_runner_gives_the_local_labels(services, tmp_path, toy_bundle):
    write_corpus(corpus(100), tmp_path / "a.parquet")
    job_port, pool_port = services
    where = ["--input", str(tmp_path / "a.parquet"), "--model", toy_bundle.path]
    where += ["--shard_rows", "7", "--id_column", "key", "--output"]
    portable = [
        "--runner=PortableRunner",
        f"--job_endpoint=localhost:{job_port}",
        "--environment_type=EXTERNAL",
        f"--environment_config=localhost:{pool_port}",
    ]
    assert score([*where, str(tmp_path / "local"), "--runner=FnApiRunner"]) == 0
    assert score([*where, str(tmp_path / "portable"), *portable]) == 0
    local, remote = (pq.read_table(tmp_path / name) for name in ("local", "portable"))
    assert local.num_rows == 100
    assert remote.drop_columns(["score", "probabilities"]).equals(
        local.drop_columns(["score", "probabilities"])
    )
    assert remote["score"].to_pylist() == pytest.approx(local["score"].to_pylist(), abs=1e-6)
