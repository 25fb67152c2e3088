"""From a teacher to its student by the three commands of docs/training.md, on the sample corpus."""

import json
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.bundle.load import load_bundle
from pages_of_docs import recipes
from places import ROOT


def documented() -> list[str]:
    return recipes()["teacher"].replace("\\\n", " ").strip().split("\n")


@pytest.mark.slow
def test_the_three_commands(tmp_path):
    lines = (ROOT / "sample" / "news.jsonl").read_bytes().splitlines()[:60]
    news = [{"title": "", "description": ""} | json.loads(line) for line in lines]
    texts = [{"title": row["title"], "text": row["description"]} for row in news]
    texts[7] = {"title": None, "text": " "}
    (tmp_path / "unlabelled").mkdir()
    pq.write_table(pa.Table.from_pylist(texts), tmp_path / "unlabelled" / "a.parquet")
    pq.write_table(pa.Table.from_pylist(news), tmp_path / "train.parquet")
    (tmp_path / "bundles").mkdir()
    # The shipped bundle plays the teacher, under the name that it has there.
    (tmp_path / "bundles" / "minilm").symlink_to(ROOT / "bundles" / "agnews-transformer")
    commands = documented()
    assert len(commands) == 3
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for command in commands:
        ran = subprocess.run(
            ["bash", "-c", command.replace("python ", f"{sys.executable} ", 1)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr

    teacher, student = (load_bundle(tmp_path / "bundles" / name) for name in ("minilm", "student"))
    assert student.labels == tuple(sorted(teacher.labels))
    files = sorted((tmp_path / "prepared").glob("examples-*.parquet"))
    examples = pa.concat_tables(map(pq.read_table, files))
    is_gold = examples["label"].is_valid().to_numpy()
    is_held_out = examples["text_hash"].to_numpy() < 2**64 // 10  # as --validation 0.1 has it
    training = student.training
    held_out = training["validation_rows"] + training["conformal_rows"]
    assert held_out == (is_gold & is_held_out).sum() > 0
    assert training["teacher_rows"] == (~is_gold & ~is_held_out).sum() > 40
    assert training["rows"] == (~is_held_out).sum()
    assert (~is_gold & is_held_out).any()  # the same texts, which nobody learns
    assert (training["temperature"], training["gold_weight"]) == (2.0, 1.0)

    taught = [one for one in examples["probabilities"].to_pylist() if one is not None]
    parts = pq.read_table(tmp_path / "taught")
    order = [teacher.labels.index(label) for label in student.labels]
    expected = [one for one in parts["probabilities"].to_pylist() if one is not None]
    assert taught == [[one[place] for place in order] for one in expected]
