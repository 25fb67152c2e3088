"""Runs of a cascade, with fake models: resumed, incremental, counted, and wrongly used."""

import json
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.metrics.metric import MetricsFilter
from pytest import approx

from fakes import LABELS, FakeEngine, fake_bundle, write_jsonl
from model.bundle.load import load_bundle
from outputs import manifest, rows
from pipeline.folders import folder
from pipeline.folders.launch_context import write_notes
from pipeline.launcher.command import run_command
from pipeline.launcher.options import ScoreOptions, parse
from pipeline.launcher.request import chosen_options, plan_run, second_bundle
from pipeline.output.work import work_folder
from pipeline.quality.profiles import profile_of
from pipeline.score import build, score
from pipeline.stages.context import RunContext


class Shifted(FakeEngine):
    """The fake model with other answers."""

    def __call__(self, token_ids: np.ndarray) -> np.ndarray:
        return super().__call__(np.concatenate([token_ids, token_ids[:, :1]], axis=1))


@pytest.fixture
def cascade(tmp_path, play, monkeypatch):
    """A function that scores `news/` with two fake bundles, and says with which exit code."""
    engines = {"fake": play, "second": Shifted()}
    monkeypatch.setattr("model.engines.loading.load_engine", lambda bundle, _: engines[bundle.name])
    write_jsonl(tmp_path / "news" / "a.jsonl", 120, seed=1)
    models = fake_bundle(tmp_path / "first"), fake_bundle(tmp_path / "second", "second")

    def run(*more: str, output: str = "out", then: bool = True, confidence: str | None = "0.75"):
        flags = ["--input", str(tmp_path / "news"), "--output", str(tmp_path / output)]
        flags += ["--model", models[0], "--shard_rows", "25", "--id_column", "id"]
        flags += ["--then", models[1]] * then
        flags += ["--confidence", confidence] if then and confidence else []
        return run_command(score, [*flags, *more])

    run.models, run.engines, run.folder = models, engines, tmp_path
    run.second = engines["second"]
    return run


def test_without_a_cascade_nothing_has_changed(cascade):
    flags = ["--input", str(cascade.folder / "news"), "--model", cascade.models[0]]
    options, _ = parse(ScoreOptions, flags, "score", "")
    bundle = load_bundle(cascade.models[0])
    plan = plan_run(options, bundle, [(str(cascade.folder / "news/a.jsonl"), "jsonl")])
    settings = {"bundle", "engine", "max_tokens", "version", "limit"}
    assert set(plan.settings) == settings | {"asked", "labels", "versions"}
    assert set(chosen_options(options, bundle)) == {
        "text_columns", "id_column", "carry_columns", "gold_column", "csv_columns", "engine"
    }  # fmt: skip
    assert second_bundle(options, bundle) is None
    assert cascade(then=False) == 0
    assert rows(cascade.folder / "out").column_names[-1] == "source_row"
    recorded = manifest(cascade.folder / "out")
    assert not [
        key for key in (*recorded, *recorded["stats"], *recorded["metrics"]) if "then" in key
    ]
    assert "rows_by_model" not in recorded["stats"]


def test_drift_is_what_the_first_model_alone_would_show(cascade):
    assert cascade() == 0
    assert cascade(output="alone", then=False) == 0
    with_second, alone = (manifest(cascade.folder / name)["stats"] for name in ("out", "alone"))
    assert with_second["rows_by_label"] != alone["rows_by_label"]
    assert profile_of(with_second) == profile_of(alone)


def _dies(*_):
    raise MemoryError("the machine is lost")


def test_a_run_that_died_goes_on_and_another_threshold_is_another_plan(
    cascade, monkeypatch, capsys
):
    assert cascade(output="undisturbed") == 0
    with monkeypatch.context() as context:
        context.setattr("pipeline.stages.publishing._commit", _dies)
        assert cascade() == 1
    output = cascade.folder / "out"
    assert not (output / "_SUCCESS").exists()
    capsys.readouterr()
    assert cascade(confidence="0.6") == 2
    assert "unfinished work of another run (confidence: 0.75 there, 0.6 now)" in (
        capsys.readouterr().err
    )
    assert cascade(then=False) == 2
    assert "then: " in capsys.readouterr().err
    batches = cascade.second.batches
    assert cascade() == 0
    assert cascade.second.batches == batches + 1  # all was finished; the one checks the engine
    undisturbed = cascade.folder / "undisturbed"
    assert rows(output).equals(rows(undisturbed))
    for count in ("rows_by_model", "first", "confidence", "errors"):
        assert manifest(output)["stats"][count] == manifest(undisturbed)["stats"][count]


def test_a_second_bundle_that_does_not_run_is_seen_at_set_up(cascade, monkeypatch, capsys):
    monkeypatch.setattr(Shifted, "__call__", _dies)
    assert cascade(confidence="1e-9") == 1  # no row is that unsure
    assert "all right: MemoryError: the machine is lost" in capsys.readouterr().err
    monkeypatch.undo()


def test_beams_counters_agree_with_the_manifest(cascade):
    news, output = str(cascade.folder / "news" / "a.jsonl"), str(cascade.folder / "out")
    flags = ["--input", news, "--model", cascade.models[0], "--output", output]
    flags += ["--then", cascade.models[1], "--confidence", "0.75", "--shard_rows", "25"]
    options, beam_options = parse(ScoreOptions, flags, "score", "")
    bundle = load_bundle(cascade.models[0])
    then = second_bundle(options, bundle)
    plan = plan_run(options, bundle, [(news, "jsonl")], then)
    folder.enter(output, plan, bundle.path, False)
    write_notes(work_folder(output, plan), bundle, None, then, options.then)
    pipeline = beam.Pipeline(options=beam_options)
    work = work_folder(output, plan)
    build(pipeline, RunContext(work, output, bundle.path, then.path))
    result = pipeline.run()
    result.wait_until_finish()
    recorded = manifest(cascade.folder / "out")["metrics"]
    found = result.metrics().query(MetricsFilter().with_namespace("newsbeam"))
    counters = {one.key.metric.name: one.committed for one in found["counters"]}
    sums = {one.key.metric.name: one.committed for one in found["distributions"]}
    assert counters["then_rows"] == recorded["then_rows"] > 0
    for name in ("then_ms", "then_load_ms"):  # whole milliseconds there
        assert sums[name].sum == approx(recorded[name], abs=sums[name].count)


def test_incremental_runs_know_how_a_row_was_scored(cascade, capsys):
    output = cascade.folder / "out"

    def runs():
        return len(list(output.glob("bundle=*/run=*")))

    assert cascade("--incremental") == 0
    assert cascade("--incremental") == 0
    assert "nothing new" in capsys.readouterr().out
    assert runs() == 1
    assert cascade("--incremental", confidence="0.6") == 0
    assert runs() == 2
    assert cascade("--incremental", then=False) == 0
    assert runs() == 3
    assert len(list(output.glob("bundle=*"))) == 1


def test_the_large_model_fails_on_some_rows(cascade, monkeypatch, capsys):
    def fails(engine, token_ids):
        if (token_ids[:, 0] % 2 == 0).any():
            raise ValueError("even")
        return FakeEngine.__call__(engine, token_ids)

    monkeypatch.setattr(Shifted, "__call__", fails)
    assert cascade("--max_error_rate", "0.2") == 0
    table = rows(cascade.folder / "out").to_pylist()
    failed = sum(row["model"] == "fake" and row["score"] < 0.75 for row in table)
    assert failed >= 5
    assert any(row["model"] == "second" for row in table)
    sentence = f"second failed on {failed} rows, where fake's unsure label stands."
    assert sentence in capsys.readouterr().out
    html = (cascade.folder / "out" / "_report.html").read_text()
    assert sentence.replace("'", "&#39;") in html


def test_bundles_of_one_name_differ_by_digest(cascade, tmp_path):
    described = json.loads((Path(cascade.models[1]) / "bundle.json").read_text())
    (Path(cascade.models[1]) / "bundle.json").write_text(json.dumps({**described, "name": "fake"}))
    assert cascade() == 0
    names = set(rows(tmp_path / "out")["model"].drop_null().to_pylist())
    assert names == {f"fake-{load_bundle(path).digest[:8]}" for path in cascade.models}


def test_a_column_called_model_can_be_carried_but_not_beside_ours(cascade, tmp_path, capsys):
    news = tmp_path / "news" / "a.jsonl"
    news.write_text('{"id": "1", "title": "war", "description": "x", "model": "T"}\n')
    assert cascade("--carry_columns", "model") == 2
    assert "--carry_columns model:model_in" in capsys.readouterr().err
    assert cascade("--carry_columns", "model:ford") == 0
    assert rows(tmp_path / "out")["ford"].to_pylist() == ["T"]
    assert cascade("--carry_columns", "model", output="alone", then=False) == 0
    assert rows(tmp_path / "alone")["model"].to_pylist() == ["T"]


def test_wrong_use_is_one_line(cascade, tmp_path, capsys):
    def bundle(name, **changes):
        path = Path(fake_bundle(tmp_path / name, name))
        described = json.loads((path / "bundle.json").read_text())
        (path / "bundle.json").write_text(json.dumps({**described, **changes}))
        return str(path)

    fewer = bundle("fewer", labels=[*LABELS[:2], "Weather"])
    other = bundle("other", text_columns=["headline"])
    cases = [
        (["--confidence", "0.9"], False, None, "--confidence goes with --then"),
        ([], True, None, "--then goes with --agreement"),
        (["--agreement", "0.99"], False, None, "--agreement goes with --then"),
        (["--agreement", "0.99"], True, "0.9", "--agreement chooses the threshold; leave out"),
        (["--agreement", "1"], True, None, "1 is not above 0 and below 1"),
        (["--agreement", "0"], True, None, "0 is not above 0 and below 1"),
        ([], True, "0", "0 is not above 0 and up to 1"),
        ([], True, "1.01", "1.01 is not above 0 and up to 1"),
        ([], True, "nan", "nan is not above 0 and up to 1"),
        ([], True, "high", "'high' is no number"),
        (["--then", cascade.models[0]], True, "0.9", "--model and --then are the same bundle"),
        (["--then", str(tmp_path / "none")], True, "0.9", "no bundle at"),
        (
            ["--then", fewer],
            True,
            "0.9",
            "must have the same labels: Sports, World only in fake; Weather only in fewer",
        ),
        (["--then", other], True, "0.9", "other on headline; choose with --text_columns"),
    ]
    for more, then, confidence, message in cases:
        assert cascade(*more, then=then, confidence=confidence) == 2, message
        printed = capsys.readouterr()
        assert message in printed.err and printed.err.count("\n") == 1, printed.err
    assert not (tmp_path / "out").exists()
    cascade.engines["other"] = cascade.second
    assert cascade("--then", other, "--text_columns", "title,description") == 0
