"""A cascade that keeps a promise: chosen once, before anything is scored, from this very corpus."""

import json
from pathlib import Path

import numpy as np
import pytest

from fakes import FakeEngine, fake_bundle, write_jsonl
from outputs import manifest, rows
from pipeline import durable
from pipeline.launcher.command import run_command
from pipeline.reporting.findings import of_the_promise
from pipeline.score import score

ROWS = 2000


class Sure(FakeEngine):
    """The fake model, which says the same as the other where it is sure."""

    def __call__(self, token_ids: np.ndarray) -> np.ndarray:
        probabilities = super().__call__(token_ids)
        unsure = probabilities.max(axis=1) < 0.8
        probabilities[unsure] = np.roll(probabilities[unsure], 1, axis=1)
        return probabilities


@pytest.fixture
def promise(tmp_path, play, monkeypatch):
    """A function that scores `news/` by a promise, and gives the exit code."""
    engines = {"small": play, "large": Sure()}
    monkeypatch.setattr("model.engines.loading.load_engine", lambda bundle, _: engines[bundle.name])
    for number in range(2):
        write_jsonl(tmp_path / "news" / f"{number}.jsonl", ROWS // 2, seed=number)
    models = [fake_bundle(tmp_path / name, name) for name in ("small", "large")]

    def run(*more: str, agreement: str | None = "0.95", output: str = "out") -> int:
        flags = ["--input", str(tmp_path / "news"), "--output", str(tmp_path / output)]
        flags += ["--model", models[0], "--then", models[1], "--shard_rows", "400"]
        flags += ["--agreement", agreement] if agreement else []
        return run_command(score, [*flags, "--id_column", "id", *more])

    run.engines, run.folder, run.models = engines, tmp_path, models
    return run


def _labels(output: Path) -> list:
    return rows(output)["label"].to_pylist()


def test_the_promise_is_kept_and_stands_in_manifest_summary_and_report(promise, capsys):
    assert promise() == 0
    output = promise.folder / "out"
    found = manifest(output)["threshold"]
    with_text = sum(row is not None for row in _labels(output))
    assert found["rows"] == with_text
    assert found["sample"] == with_text // 4
    assert found["agreement"] == 0.95 and found["fewest"] == 59
    assert found["bound"] >= 0.95 and 0 < found["passed_on"] < 1 and found["cost"] > 0
    assert manifest(output)["plan"]["settings"]["agreement"] == 0.95
    assert "confidence" not in manifest(output)["plan"]["settings"]
    published = rows(output)
    for row in published.select(["score", "model", "error"]).to_pylist():
        if row["error"] is None and row["model"] == "small":
            assert row["score"] >= np.float32(found["threshold"])
    sentence = of_the_promise(manifest(output))
    assert f"agreement: {sentence}" in capsys.readouterr().out
    assert "with a confidence of 95 %" in sentence
    assert sentence.split(";")[0] in (output / "_report.html").read_text()
    everything = promise("--confidence", "1", agreement=None, output="everything")
    assert everything == 0
    large = _labels(promise.folder / "everything")
    agree = [one == other for one, other in zip(_labels(output), large, strict=True) if one]
    assert np.mean(agree) >= 0.95


def test_a_threshold_that_is_saved_gives_the_rows_of_the_same_confidence(promise):
    assert promise() == 0
    found = manifest(promise.folder / "out")["threshold"]["threshold"]
    assert promise("--confidence", str(found), agreement=None, output="plain") == 0
    assert rows(promise.folder / "out").equals(rows(promise.folder / "plain"))


def test_models_that_never_agree_leave_all_to_the_large_one(promise, capsys):
    class Other(FakeEngine):
        def __call__(self, token_ids):
            return np.roll(super().__call__(token_ids), 1, axis=1)

    promise.engines["large"] = Other()
    assert promise(agreement="0.99") == 0
    found = manifest(promise.folder / "out")["threshold"]
    assert found["threshold"] is None and found["passed_on"] == 1
    assert set(rows(promise.folder / "out")["model"].drop_null().to_pylist()) == {"large"}
    assert "so large labels every row" in capsys.readouterr().out


def test_a_small_corpus_is_the_large_models(promise, capsys):
    for name in ("0", "1"):
        write_jsonl(promise.folder / "news" / f"{name}.jsonl", 60, seed=3)
    assert promise(agreement="0.99") == 0
    found = manifest(promise.folder / "out")["threshold"]
    assert (found["sample"], found["fewest"], found["cost"]) == (0, 299, None)
    assert set(rows(promise.folder / "out")["model"].drop_null().to_pylist()) == {"large"}
    assert "a sample of 299 rows at least, and a quarter of the corpus" in capsys.readouterr().out


def test_a_corpus_without_rows_is_published_too(promise):
    for name in ("0", "1"):
        (promise.folder / "news" / f"{name}.jsonl").write_text("\n")
    (promise.folder / "news" / "1.jsonl").write_text(
        '{"id": "a", "title": " ", "description": ""}\n'
    )
    assert promise() == 0
    assert manifest(promise.folder / "out")["threshold"]["rows"] == 0


def _dies(*_):
    raise MemoryError("the machine is lost")


def test_it_is_chosen_once_and_a_run_that_goes_on_takes_it(promise, monkeypatch):
    with monkeypatch.context() as context:
        context.setattr("pipeline.stages.writing.write_checkpoint", _dies)
        assert promise() == 1
    (saved,) = (promise.folder / "out").glob("_work-*/threshold.json")
    found = json.loads(saved.read_text())
    other = {**found, "threshold": 0.5, "bound": 0.96}
    saved.write_text(json.dumps(other))
    assert not list(saved.parent.glob("0*.parquet"))
    assert promise() == 0
    assert manifest(promise.folder / "out")["threshold"] == other
    for row in rows(promise.folder / "out").to_pylist():
        assert row["error"] or (row["score"] < 0.5) <= (row["model"] == "large")


def test_nothing_is_scored_before_it_is_saved(promise, monkeypatch):
    monkeypatch.setattr("pipeline.stages.choosing.threshold_of", _dies)
    assert promise() == 1
    names = {path.name for path in (promise.folder / "out").glob("_work-*/*")}
    assert not any(name.endswith(".parquet") for name in names)
    assert "threshold.json" not in names


def test_of_two_launchers_the_first_ones_threshold_counts(promise, monkeypatch):
    """The other one has saved while this one asked the models."""

    def saved_meanwhile(path, value):
        Path(path).write_text(json.dumps({**value, "threshold": 0.4}))
        return create(path, value)

    create = durable.create_json
    monkeypatch.setattr("pipeline.durable.create_json", saved_meanwhile)
    assert promise() == 0
    assert manifest(promise.folder / "out")["threshold"]["threshold"] == 0.4
    assert not list((promise.folder / "out").glob("**/.newsbeam*"))


def test_another_promise_is_another_run_and_a_series_compares_it_only(promise, capsys):
    assert promise("--incremental") == 0
    write_jsonl(promise.folder / "news" / "2.jsonl", 800, seed=9)
    assert promise("--incremental") == 0
    runs = sorted((promise.folder / "out").glob("bundle=*/run=*"))
    assert [manifest(run)["rows"] for run in runs] == [ROWS, 800]
    thresholds = [manifest(run)["threshold"] for run in runs]
    assert thresholds[0] != thresholds[1]
    capsys.readouterr()
    assert promise("--incremental") == 0
    assert "nothing new" in capsys.readouterr().out
    assert promise("--incremental", agreement="0.9") == 0
    assert "nothing new" not in capsys.readouterr().out
