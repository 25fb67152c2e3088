"""Beam's own counters say what the manifest says, under the same names."""

import json

import apache_beam as beam
import pytest
from apache_beam.metrics.metric import MetricsFilter

from pipeline.folders import folder
from pipeline.folders.launch_context import write_notes
from pipeline.launcher.options import ScoreOptions, parse
from pipeline.launcher.request import plan_run
from pipeline.output.published import published_manifest
from pipeline.output.work import work_folder
from pipeline.score import build
from pipeline.stages.context import RunContext


def test_counters_and_distributions_agree_with_the_manifest(toy_bundle, tmp_path):
    lines = [json.dumps({"title": "the team won " * n, "description": ""}) for n in range(1, 30)]
    (tmp_path / "news.jsonl").write_text("\n".join([*lines, '{"title": " "}', "no JSON"]))
    output = str(tmp_path / "labels")
    arguments = ["--input", str(tmp_path / "news.jsonl"), "--model", toy_bundle.path]
    arguments += ["--output", output, "--shard_rows", "10"]
    options, beam_options = parse(ScoreOptions, arguments, "score", "")
    plan = plan_run(options, toy_bundle, [(str(tmp_path / "news.jsonl"), "jsonl")])
    folder.enter(output, plan, toy_bundle.path, False)
    write_notes(work_folder(output, plan), toy_bundle)
    pipeline = beam.Pipeline(options=beam_options)
    build(pipeline, RunContext(work_folder(output, plan), output, toy_bundle.path))
    result = pipeline.run()
    result.wait_until_finish()

    recorded = published_manifest(output)["metrics"]
    found = result.metrics().query(MetricsFilter().with_namespace("newsbeam"))
    counters = {one.key.metric.name: one.committed for one in found["counters"]}
    assert counters == {name: recorded[name] for name in counters}
    assert counters["rows_labelled"] == 29
    assert counters["rows_in_error_json"] == counters["rows_in_error_blank"] == 1
    assert {"tokens", "unknown_tokens", "padded_tokens", "rows_truncated"} <= set(counters)
    distributions = {one.key.metric.name: one.committed for one in found["distributions"]}
    for name in ("read_ms", "tokenizer_ms", "model_ms", "tokenizer_load_ms", "model_load_ms"):
        # Whole milliseconds there, so up to one less for each Table.
        assert distributions[name].sum == pytest.approx(
            recorded[name], abs=distributions[name].count
        )
    assert distributions["model_ms"].count == 4
    assert distributions["batch_rows"].count == 3  # the last Table has one row, in error
