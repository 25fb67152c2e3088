"""A real Flink cluster: two TaskManagers, one of them killed in the middle.

It takes minutes and fetches 400 MB, so it runs only where NEWSBEAM_FLINK=1 asks for it.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from test_score import corpus, write_corpus

from pipeline.score import score

SCRIPT = Path(__file__).parent.parent / "deploy" / "flink" / "cluster.sh"
FLINK = [
    "--runner=FlinkRunner",
    "--job_endpoint=localhost:8099",
    "--environment_type=EXTERNAL",
    "--environment_config=localhost:50000",
    "--parallelism=2",
]


def command(name):
    environment = {**os.environ, "PYTHON": sys.executable}
    return subprocess.run([SCRIPT, name], env=environment, capture_output=True, text=True)


@pytest.fixture
def cluster():
    if os.environ.get("NEWSBEAM_FLINK") != "1":
        pytest.skip("NEWSBEAM_FLINK=1 is not set: minutes, and 400 MB to fetch")
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}")
    up = command("up")
    if up.returncode == 3:
        command("down")
        pytest.skip(up.stderr.strip())
    assert up.returncode == 0, up.stderr
    yield
    command("down")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_taskmanager_changes_nothing(cluster, tmp_path, toy_bundle):
    (tmp_path / "in").mkdir()
    for number in range(40):
        write_corpus(corpus(1000), tmp_path / "in" / f"{number:02d}.parquet")
    where = ["--input", str(tmp_path / "in"), "--model", toy_bundle.path]
    where += ["--id_column", "key", "--engine", "tensorflow", "--output"]
    assert score([*where, str(tmp_path / "local")]) == 0
    killed = []

    def kill():
        while not killed:
            finished = list((tmp_path / "flink").glob("_work-*/*.end.parquet"))
            if 0 < len(finished) < 40:
                killed.append(len(finished))
                command("kill-one")
            time.sleep(0.2)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    assert score([*where, str(tmp_path / "flink"), *FLINK]) == 0
    assert killed
    local, flink = (pq.read_table(tmp_path / name) for name in ("local", "flink"))
    assert local.num_rows == 40_000
    columns = ["score", "probabilities"]
    assert flink.drop_columns(columns).equals(local.drop_columns(columns))
    assert flink["score"].to_pylist() == pytest.approx(local["score"].to_pylist(), abs=1e-6)
