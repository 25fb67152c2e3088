"""ClassifyRows and the model handler: the same labels as pipeline.score, row by row."""

import json
import shutil
from typing import ClassVar, NamedTuple

import apache_beam as beam
import pytest
from apache_beam.ml.inference.base import RunInference
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import FixedWindows, TimestampedValue
from pytest import approx

import pipeline
from corpora import corpus
from outputs import rows
from pipeline.embedding import classify_rows
from pipeline.launcher.command import run_command
from pipeline.score import score

ROWS = corpus(200)


class Article(NamedTuple):
    key: str
    title: str | None
    description: str


class Results(beam.DoFn):
    """Leaves what comes in a list of the test's own: the in-process runner has one process."""

    found: ClassVar[list] = []

    def process(self, element, window=beam.DoFn.WindowParam, timestamp=beam.DoFn.TimestampParam):
        Results.found.append((element, window, timestamp))


def collect(pipeline_of_rows, transform) -> list:
    Results.found = []
    with TestPipeline(runner="FnApiRunner") as p:
        _ = p | pipeline_of_rows | transform | beam.ParDo(Results())
    return [element for element, _, _ in Results.found]


@pytest.fixture(scope="module")
def expected(toy_bundle, tmp_path_factory) -> dict[str, dict]:
    """What `pipeline.score` says of each row."""
    folder = tmp_path_factory.mktemp("expected")
    (folder / "news.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    argv = ["--input", str(folder / "news.jsonl"), "--model", toy_bundle.path]
    argv += ["--id_column", "key", "--output", str(folder / "labels")]
    assert run_command(score, argv) == 0
    return {row["id"]: row for row in rows(folder / "labels").to_pylist()}


def assert_equal(labelled: dict, expected: dict) -> None:
    one = expected[labelled["key"]]
    for name in ("label", "tokens", "error"):
        assert labelled[name] == one[name]
    assert (labelled["probabilities"] is None) == (one["probabilities"] is None)
    if one["label"] is not None:
        assert labelled["score"] == approx(one["score"], abs=1e-5)
        assert labelled["probabilities"] == approx(one["probabilities"], abs=1e-5)


@pytest.mark.parametrize("batch_rows", [1, 7, 4096])
def test_dictionaries_are_labelled_as_by_score(toy_bundle, expected, monkeypatch, batch_rows):
    monkeypatch.setattr(classify_rows, "BATCH_ROWS", batch_rows)
    found = collect(beam.Create(ROWS), pipeline.ClassifyRows(toy_bundle.path))
    assert sorted(row["key"] for row in found) == sorted(expected)
    for row in found:
        assert_equal(row, expected)
        assert {name: row[name] for name in ROWS[0]} in ROWS


def test_rows_with_a_schema_have_one_afterwards(toy_bundle, expected):
    articles = [Article(**row) for row in ROWS]
    created = beam.Create(articles).with_output_types(Article)
    found = collect(created, pipeline.ClassifyRows(toy_bundle.path, ["title", "description"]))
    assert len(found) == len(ROWS)
    for row in found:
        assert_equal(row._asdict(), expected)


def test_a_cascade_says_which_model_decided(toy_bundle, tmp_path):
    large = tmp_path / "large"
    shutil.copytree(toy_bundle.path, large)
    about = json.loads((large / "bundle.json").read_text())
    (large / "bundle.json").write_text(json.dumps({**about, "name": "large"}))
    asked = pipeline.ClassifyRows(toy_bundle.path, then=str(large), confidence=0.7)
    found = [row for row in collect(beam.Create(ROWS), asked) if row["label"]]
    assert {row["model"] for row in found} == {"toy", "large"}
    for row in found:
        assert (row["model"] == "large") == (row["score"] < 0.7)  # the same network twice


def test_windows_and_timestamps_stay(toy_bundle, monkeypatch):
    stream = (
        TestStream()
        .add_elements([TimestampedValue({"title": "team won", "description": str(n)}, n * 10)
                       for n in range(6)])
        .advance_watermark_to_infinity()
    )  # fmt: skip
    Results.found = []
    with TestPipeline(runner="BundleBasedDirectRunner") as p:
        _ = (
            p
            | stream
            | beam.WindowInto(FixedWindows(20))
            | pipeline.ClassifyRows(toy_bundle.path)
            | beam.ParDo(Results())
        )
    seen = {
        (row["description"], float(window.start), float(timestamp), row["label"])
        for row, window, timestamp in Results.found
    }
    assert seen == {(str(n), float(n * 10 // 20 * 20), float(n * 10), "Sports") for n in range(6)}


def test_values_that_are_no_strings(toy_bundle):
    odd = [
        {"title": b"team won", "description": None},
        {"title": b"\xff", "description": "x"},
        {"title": ["team", None, "won"], "description": 7},
        {},
    ]
    found = collect(beam.Create(odd), pipeline.ClassifyRows(toy_bundle.path))
    errors = [row["error"] for row in found]
    assert errors == [
        None,
        "encoding: column title is not UTF-8",
        None,
        "blank: no text in title, description",
    ]
    assert found[0]["label"] == found[2]["label"] == "Sports"


def test_wrong_use(toy_bundle):
    with pytest.raises(ValueError, match="goes with confidence"):
        pipeline.ClassifyRows(toy_bundle.path, then=toy_bundle.path)
    rows_with_schema = beam.Create([Article("a", "b", "c")]).with_output_types(Article)
    with pytest.raises(ValueError, match="rows have no field body, they have key, title"):
        collect(rows_with_schema, pipeline.ClassifyRows(toy_bundle.path, ["body"]))
    with pytest.raises(Exception, match="rows have a field label already"):
        collect(beam.Create([{"label": "x"}]), pipeline.ClassifyRows(toy_bundle.path))


def test_the_model_handler_gives_the_same(toy_bundle, expected):
    texts = {}
    for row in ROWS:
        text = f"{row['title'] or ''} {row['description']}"
        texts[text] = row["key"]
    handler = pipeline.BundleModelHandler(toy_bundle.path)
    found = collect(beam.Create(list(texts)), RunInference(handler))
    assert len(found) == len(texts)
    for result in found:
        answer = {**result.inference, "key": texts[result.example]}
        if answer["error"]:
            assert answer["error"] == "blank: no text in text"
        else:
            assert_equal(answer, expected)


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="no attribute 'ClassifyNothing'"):
        pipeline.ClassifyNothing  # noqa: B018
