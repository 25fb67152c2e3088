"""Training: what it writes, that it repeats itself, and that it goes on where it stopped."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from model import export, train
from model.bundle.load import load_bundle
from model.data.batches import LengthGroupedBatches
from model.data.examples import read_examples, split
from model.label_sets import read_scores
from model.training.weights import read_weights
from places import ROOT
from toys import TOY_WORDS, add_teachers_rows

TRY = ["--epochs", "3", "--batch_size", "4", "--learning_rate", "0.01", "--validation", "0.2"]


def weights_of(bundle) -> list[np.ndarray]:
    return bundle.network().get_weights()


def run(prepared, output, *more) -> int:
    return train.main(["--prepared", str(prepared), "--output", str(output), *TRY, *more])


@pytest.fixture(scope="module")
def trained(toy_prepared, tmp_path_factory):
    output = tmp_path_factory.mktemp("trained") / "toy"
    logs = str(output.with_name("logs"))
    assert run(toy_prepared, output, "--logs", logs, "--languages", "en") == 0
    return load_bundle(output)


def test_the_bundle_says_how_it_was_trained(trained, toy_prepared):
    assert trained.name == "toy"
    assert trained.labels == ("Business", "Sci/Tech", "Sports", "World")
    assert trained.model["vocab_size"] == 10
    training = trained.training
    assert training["recipe"] == "scratch"
    assert training["languages"] == ["en"]
    assert (training["epochs"], training["batch_size"], training["seed"]) == (3, 4, 0)
    assert training["device"] == "cpu"
    assert training["backend"] == "tensorflow"
    assert (training["rows"], training["validation_rows"]) == (9, 1)
    assert training["conformal_rows"] == read_scores(trained)["rows"] == 2
    assert (training["teacher_rows"], training["temperature"]) == (0, None)
    assert len(training["history"]) == 3
    assert training["seconds"] >= sum(epoch["seconds"] for epoch in training["history"]) - 0.1
    parameters = sum(weight.size for weight in weights_of(trained))
    assert training["parameters"] == training["trainable_parameters"] == parameters
    assert sum(layer["parameters"] for layer in training["layers"]) == parameters
    assert "embeddings" in [layer["name"] for layer in training["layers"]]
    assert trained.model["calibration"]["rows"] == 1
    assert not Path(trained.path + ".training").exists()


def test_of_equal_epochs_the_later_one_is_kept(tmp_path):
    import keras

    from model.training.fitting import KeepEpochs

    network = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    keep = KeepEpochs(tmp_path, "val_accuracy")
    keep.set_model(network)
    for epoch, accuracy in enumerate([0.7, 0.9, 0.9, 0.8]):
        network.set_weights([np.full([1, 1], epoch, np.float32), np.zeros(1, np.float32)])
        keep.on_epoch_begin(epoch)
        keep.on_epoch_end(epoch, {"val_accuracy": accuracy})
    network.load_weights(tmp_path / "best.weights.h5")
    assert network.get_weights()[0].tolist() == [[2.0]]


def test_the_best_epoch_is_kept(trained):
    best = max(epoch["val_accuracy"] for epoch in trained.training["history"])
    assert trained.metrics["validation"]["accuracy"] == pytest.approx(best)


def test_metrics_are_those_of_the_saved_model(trained, toy_prepared):
    import tensorflow as tf

    examples = read_examples(toy_prepared, list(trained.labels))
    _, validation, _ = split(examples, 0.2)
    saved_model = tf.saved_model.load(trained.saved_model_dir)
    right, loss = 0, 0.0
    for row, label in enumerate(validation.labels):
        one = validation.take(np.array([row])).values[None, :]
        probabilities = np.array(saved_model.serve(tf.constant(one, tf.int32)))[0]
        right += int(np.argmax(probabilities) == label)
        loss -= np.log(probabilities[label])
    assert trained.metrics["validation"]["accuracy"] == pytest.approx(right / len(validation))
    assert trained.metrics["validation"]["loss"] == pytest.approx(loss / len(validation), abs=1e-5)


def test_logs_are_tensorboards(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(Path(trained.path).with_name("logs") / "validation")).Reload()
    assert "epoch_accuracy" in found.Tags()["tensors"]


def test_the_same_seed_gives_the_same_weights(trained, toy_prepared, tmp_path):
    assert run(toy_prepared, tmp_path / "again") == 0
    assert run(toy_prepared, tmp_path / "other", "--seed", "1") == 0
    for one, again in zip(
        weights_of(trained), weights_of(load_bundle(tmp_path / "again")), strict=True
    ):
        np.testing.assert_array_equal(one, again)
    other = weights_of(load_bundle(tmp_path / "other"))
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(weights_of(trained), other, strict=True))


def test_an_interrupted_training_goes_on_to_the_same_weights(
    trained, toy_prepared, tmp_path, monkeypatch
):
    from model.training.fitting import KeepEpochs

    finish = KeepEpochs.on_epoch_end

    def lights_out(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt
        finish(self, epoch, logs)

    output = tmp_path / "toy"
    with monkeypatch.context() as patch:
        patch.setattr(KeepEpochs, "on_epoch_end", lights_out)
        with pytest.raises(KeyboardInterrupt):
            run(toy_prepared, output)
    assert not output.exists()
    assert len(json.loads(Path(f"{output}.training/history.json").read_text())) == 2

    begun = []
    monkeypatch.setattr(
        KeepEpochs, "on_epoch_begin", lambda self, epoch, logs=None: begun.append(epoch)
    )
    assert run(toy_prepared, output, "--resume") == 0
    assert begun == [2]
    for one, resumed in zip(weights_of(trained), weights_of(load_bundle(output)), strict=True):
        np.testing.assert_array_equal(one, resumed)


def test_resuming_with_other_settings_is_refused(toy_prepared, tmp_path, capsys):
    folder = tmp_path / "toy.training"
    folder.mkdir()
    (folder / "settings.json").write_text('{"seed": 7}')
    assert run(toy_prepared, tmp_path / "toy", "--resume") == 2
    error = capsys.readouterr().err
    assert "was begun with another" in error
    assert "seed" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--epoch", "3"], "unknown argument --epoch: did you mean --epochs?"),
        (["--zzz"], "unknown argument --zzz: see --help"),
        (["--epochs", "0"], "argument --epochs: 0 is not above 0"),
        (["--validation", "1"], "argument --validation: 1 is not in [0, 1)"),
        (["--temperature", "0"], "argument --temperature: 0 is not above 0"),
        (["--gold_weight", "2"], "--gold_weight is for data with a teacher's rows, and "),
        (["--word_dropout", "1"], "argument --word_dropout: 1 is not in [0, 1)"),
        (["--model", "bert", "--word_dropout", "0"], "--word_dropout is for --model transformer"),
        (["--recipe", "baked"], "argument --recipe: invalid choice: 'baked'"),
        (["--prepared", "nowhere"], "nowhere is no prepared data: it has no prepared.json"),
    ],
)
def test_wrong_use_is_one_line(toy_prepared, tmp_path, capsys, flags, message):
    try:
        code = run(toy_prepared, tmp_path / "out", *flags)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"model.train: error: {message}")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_output_with_something_else_in_it_is_left_alone(toy_prepared, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("my only copy")
    assert run(toy_prepared, tmp_path) == 2
    assert "holds something else than a bundle" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.fixture(scope="module")
def taught_prepared(toy_prepared, tmp_path_factory):
    """The toys with rows of a teacher that says Business of chips and is unsure of wars."""
    chip, war, the = (2 + TOY_WORDS.index(word) for word in ("chip", "war", "the"))
    texts = [[the, chip], [war, war, the, war]] * 6
    probabilities = [[0.97, 0.01, 0.01, 0.01], [0.25, 0.25, 0.25, 0.25]] * 6
    folder = tmp_path_factory.mktemp("taught") / "prepared"
    return add_teachers_rows(toy_prepared, folder, texts, probabilities)


def answers(saved, texts: list[str]) -> np.ndarray:
    import tensorflow as tf

    from model.tokenizers.tokenizer import Tokenizer

    served = tf.saved_model.load(saved.saved_model_dir)
    token_ids, _ = Tokenizer(saved.transform_dir)(pa.array(texts))
    return np.array(
        [served.serve(tf.constant([ids], tf.int32))[0] for ids in token_ids.to_pylist()]
    )


def test_it_learns_from_a_teacher(taught_prepared, tmp_path):
    flags = ["--epochs", "30", "--learning_rate", "0.05", "--validation", "0"]
    flags += ["--word_dropout", "0.1", "--embedding_dropout", "0"]
    assert run(taught_prepared, tmp_path / "student", *flags, "--gold_weight", "0.01") == 0
    saved = load_bundle(tmp_path / "student")
    assert (saved.model["word_dropout"], saved.model["embedding_dropout"]) == (0.1, 0)
    training = saved.training
    assert (training["temperature"], training["gold_weight"]) == (2.0, 0.01)
    assert (training["rows"], training["teacher_rows"], training["validation_rows"]) == (24, 12, 0)
    assert saved.metrics["training"]["rows"] == 12  # those with a true label
    found = answers(saved, ["the chip", "war war the war"])
    assert found[0].argmax() == 0 and found[0, 0] > 0.6  # gold has chips as Sci/Tech
    assert found[1].max() < 0.6  # gold has wars as World


# TensorFlow, tf.Transform and Beam as if they weren't installed.
WITHOUT = """
import sys
for name in ("tensorflow", "tensorflow_text", "tensorflow_transform", "apache_beam", "keras_hub"):
    sys.modules[name] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == "tensorflow" else find(name, *a)
from model.train import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_it_trains_on_jax_without_tensorflow(taught_prepared, toy_prepared, trained, tmp_path):
    arguments = ["--prepared", taught_prepared, "--output", f"{tmp_path}/weights", *TRY]
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments],
        capture_output=True,
        text=True,
        env={**environment, "JAX_PLATFORMS": "cpu"},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert "python -m model.export --weights" in done.stdout
    result, weights_file = read_weights(tmp_path / "weights")
    assert result.training["backend"] == "jax"
    assert result.training["device"] == "cpu"
    assert result.training["teacher_rows"] == 12
    assert {**result.model, "calibration": None} == {**trained.model, "calibration": None}
    assert result.model["calibration"]["rows"] == 1
    assert result.conformal["rows"] == 2
    assert export.export(str(tmp_path / "weights"), toy_prepared, str(tmp_path / "toy")).files
    assert read_scores(load_bundle(tmp_path / "toy")) == result.conformal
    shutil.rmtree(tmp_path / "toy")
    assert result.labels == list(trained.labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["weights"]

    # The weights are those of the network that TensorFlow will export.
    from model.networks.registry import build_network
    from model.training.measures import measure

    network = build_network(result.model)
    network.load_weights(weights_file)
    _, validation, _ = split(read_examples(toy_prepared, result.labels), 0.2)
    batches = LengthGroupedBatches(validation, 256)
    probabilities = network.predict(batches, verbose=0)
    metrics = measure(probabilities, validation.labels[batches.rows], result.labels)
    assert metrics["loss"] == pytest.approx(result.metrics["validation"]["loss"], abs=1e-5)
