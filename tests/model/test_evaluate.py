"""Evaluation of a bundle, against scikit-learn and a plain loop."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import metrics as sklearn_metrics

from model import evaluate
from model.bundle.load import load_bundle
from model.training.measures import measure
from places import ROOT
from toys import TOY_TEXTS


def test_measures_are_scikit_learns():
    draw = np.random.default_rng(0)
    probabilities = draw.dirichlet(np.ones(3), 200).astype(np.float32)
    gold = draw.integers(0, 2, 200)  # the third label has no rows
    found = measure(probabilities, gold, ["a", "b", "c"])
    predicted = probabilities.argmax(axis=1)
    assert found["rows"] == 200
    assert found["accuracy"] == sklearn_metrics.accuracy_score(gold, predicted)
    expected = sklearn_metrics.log_loss(gold, probabilities.astype(np.float64), labels=[0, 1, 2])
    assert found["loss"] == pytest.approx(expected, rel=1e-4)
    recall = sklearn_metrics.recall_score(gold, predicted, average=None, labels=[0, 1])
    assert found["recall"] == pytest.approx({"a": recall[0], "b": recall[1]})


@pytest.fixture
def labelled(tmp_path):
    titles, labels = zip(*TOY_TEXTS, strict=True)
    table = pa.table({"title": titles, "description": [None] * len(titles), "label": labels})
    pq.write_table(table, tmp_path / "labelled.parquet")
    return tmp_path / "labelled.parquet"


def test_it_measures_and_records(toy_bundle, labelled, tmp_path, capsys):
    import tensorflow as tf

    copy = shutil.copytree(toy_bundle.path, tmp_path / "copy")
    arguments = ["--model", str(copy), "--input", str(labelled), "--label_column", "label"]
    assert evaluate.main([*arguments, "--record", "toys"]) == 0
    recorded = load_bundle(copy).metrics["toys"]

    transform = tf.saved_model.load(toy_bundle.transform_dir + "/transform_fn")
    network = tf.saved_model.load(toy_bundle.saved_model_dir)
    right = 0
    for text, label in TOY_TEXTS:
        token_ids = transform.transform_fn({"text": tf.constant([text])})["token_ids"]
        answer = network.serve(tf.cast(token_ids.to_tensor(), tf.int32))
        right += toy_bundle.labels[int(np.argmax(answer))] == label
    assert 6 <= right < len(TOY_TEXTS)
    assert recorded["accuracy"] == right / len(TOY_TEXTS)
    assert recorded["data"] == "labelled.parquet"
    assert f"accuracy {right / len(TOY_TEXTS):.4f} on 12 rows" in capsys.readouterr().out


def test_what_cannot_be_measured(toy_bundle, labelled, tmp_path, capsys):
    def said(*changes):
        arguments = {"--model": toy_bundle.path, "--input": labelled, "--label_column": "label"}
        arguments.update(changes)
        code = evaluate.main([str(word) for pair in arguments.items() for word in pair])
        error = capsys.readouterr().err
        assert (code, error.count("\n")) == (2, 1)
        return error

    assert "there is no such folder" in said(("--model", tmp_path / "none"))
    assert "none.parquet: there is no such file" in said(("--input", tmp_path / "none.parquet"))
    expected = "has no column class, it has title, description, label"
    assert expected in said(("--label_column", "class"))
    assert "none of the bundle's labels" in said(("--label_column", "title"))


def test_the_shipped_bundle_says_what_it_is_worth():

    shipped = ROOT / "bundles" / "agnews-transformer"
    bundle = load_bundle(shipped)
    size = sum(file.stat().st_size for file in shipped.rglob("*") if file.is_file())
    assert size <= 8_000_000
    assert bundle.metrics["test"]["rows"] == 3800
    assert bundle.metrics["test"]["accuracy"] >= 0.9
    assert bundle.training["device"]
    assert json.dumps(bundle.training)
