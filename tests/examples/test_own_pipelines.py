"""The examples, run as they stand; the one for BigQuery as a graph only."""

import json
import runpy
import subprocess
import sys

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from places import ROOT

TEXTS = ["the team won", "the market fell", "war, war, the war"]


def test_lines_to_json(toy_bundle, tmp_path):
    (tmp_path / "news.txt").write_text("\n".join([*TEXTS, ""]))
    example = runpy.run_path(str(ROOT / "examples" / "lines_to_json.py"))
    example["main"](
        ["--input", str(tmp_path / "news.txt"), "--output", str(tmp_path / "labels"),
         "--model", toy_bundle.path, "--runner", "FnApiRunner"]
    )  # fmt: skip
    lines = [line for path in tmp_path.glob("labels*") for line in path.read_text().splitlines()]
    labels = {row["text"]: row["label"] for row in map(json.loads, lines)}
    assert labels == dict(zip(TEXTS, ["Sports", "Business", "World"], strict=True))


def test_the_graph_of_bigquery(monkeypatch):
    example = runpy.run_path(str(ROOT / "examples" / "bigquery.py"))
    pipeline = beam.Pipeline(runner="FnApiRunner")
    example["build"](pipeline, "SELECT 1", "project:news.labels", "gs://bucket/bundle")
    names = {part.full_label.split("/")[0] for part in pipeline.transforms_stack[0].parts}
    assert names == {"Read", "Classify", "Columns", "Write"}


@pytest.mark.slow
def test_beam_yaml(toy_bundle, tmp_path):
    titles = pa.table({"title": TEXTS, "description": ["", "", ""]})
    pq.write_table(titles, tmp_path / "news.parquet")
    variables = {
        "input": str(tmp_path / "news.parquet"),
        "output": str(tmp_path / "labels"),
        "model": toy_bundle.path,
    }
    command = [sys.executable, "-m", "apache_beam.yaml.main", "--runner", "FnApiRunner"]
    command += ["--yaml_pipeline_file", str(ROOT / "examples" / "pipeline.yaml")]
    command += ["--jinja_variables", json.dumps(variables)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    files = [path for path in tmp_path.glob("labels*") if path.is_file()]
    rows = [row for path in files for row in pq.read_table(path).to_pylist()]
    labels = {row["title"]: row["label"] for row in rows}
    assert labels == dict(zip(TEXTS, ["Sports", "Business", "World"], strict=True))
