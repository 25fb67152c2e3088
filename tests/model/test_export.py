"""From a machine without TensorFlow and Beam to a bundle."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from model import export
from model.bundle.load import load_bundle
from model.networks.bert import build_bert
from model.networks.registry import build_network
from model.training import weights
from model.training.hugging_face import load_backbone
from model.training.weights import Trained
from places import ROOT

WITHOUT = ("tensorflow", "tensorflow_text", "tensorflow_transform", "tf_keras", "apache_beam")
LABELS = ["Business", "Sci/Tech", "Sports", "World"]
TOKEN_IDS = np.array([[2, 5, 6, 13, 9, 3, 0, 0], [2, 7, 3, 0, 0, 0, 0, 0]], np.int32)


def train_without(forbidden, arguments):
    """Runs `model.train` in a process in which importing any of the packages fails."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({forbidden!r}));"
        "from model import train; code = train.main(sys.argv[1:]);"
        f"loaded = [n for n in {forbidden!r} if sys.modules.get(n)]; assert not loaded, loaded;"
        "sys.exit(code)"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={name: v for name, v in os.environ.items() if name != "KERAS_BACKEND"},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_trains_without_tensorflow_and_beam_then_exports(toy_bert, toy_bert_prepared, tmp_path):
    trained = tmp_path / "weights"
    flags = f"--prepared {toy_bert_prepared} --output {trained} --model bert --backbone {toy_bert}"
    flags += " --recipe finetune --epochs 1 --batch_size 8"
    ran = train_without(WITHOUT, flags.split())
    assert ran.returncode == 0, ran.stderr
    assert f"python -m model.export --weights {trained}" in ran.stdout
    assert json.loads((trained / "training.json").read_text())["training"]["backend"] == "jax"
    arguments = f"--weights {trained} --prepared {toy_bert_prepared} --output {tmp_path / 'toy'}"
    assert export.main(arguments.split()) == 0
    saved = load_bundle(tmp_path / "toy")
    assert saved.name == "toy" and saved.training["device"] == "cpu"
    _assert_serves(saved, build_network(saved.model), str(trained / "model.weights.h5"))


def _assert_serves(saved, network, weights_file):
    import tensorflow as tf

    network.load_weights(weights_file)
    module = tf.saved_model.load(saved.saved_model_dir)
    np.testing.assert_allclose(module.serve(TOKEN_IDS), network(TOKEN_IDS), atol=1e-6)


@pytest.fixture(scope="module")
def toy_weights(toy_bert, tmp_path_factory):
    spec, backbone = load_backbone(str(toy_bert))
    network = build_bert({**spec, "labels": 4}, backbone)
    folder = tmp_path_factory.mktemp("weights") / "toy"
    training = {"recipe": "finetune", "device": "NVIDIA Toy"}
    metrics = {"validation": {"rows": 3, "accuracy": 1.0}}
    spec = {**spec, "labels": 4}
    weights.save_weights(folder, network, Trained("toy", LABELS, spec, training, metrics, None))
    return folder


def test_the_bundle_is_the_network_and_says_how_it_was_trained(
    toy_weights, toy_bert_prepared, tmp_path, capsys
):
    output = tmp_path / "bundle"
    arguments = f"--weights {toy_weights} --prepared {toy_bert_prepared} --output {output}"
    assert export.main([*arguments.split(), "--name", "renamed", "--languages", "en,de"]) == 0
    assert "renamed, 4 labels, trained on NVIDIA Toy" in capsys.readouterr().out
    saved = load_bundle(output)
    languages = ["de", "en"]
    assert saved.training == {"recipe": "finetune", "device": "NVIDIA Toy", "languages": languages}
    assert saved.metrics == {"validation": {"rows": 3, "accuracy": 1.0}}
    assert saved.labels == tuple(LABELS) and saved.max_tokens == 16
    _assert_serves(saved, build_network(saved.model), saved.weights_file)


@pytest.mark.parametrize("broken", ["nothing", "other labels", "other network", "full output"])
def test_what_does_not_fit_gives_one_line(toy_weights, toy_bert_prepared, tmp_path, capsys, broken):
    source = tmp_path / "weights"
    source.mkdir()
    output = tmp_path / "bundle"
    description = json.loads((toy_weights / "training.json").read_text())
    (source / "model.weights.h5").write_bytes((toy_weights / "model.weights.h5").read_bytes())
    messages = {
        "nothing": "has no training.json",
        "other labels": "was trained on the labels A, B",
        "other network": "does not fit the network",
        "full output": "holds something else than a bundle",
    }
    if broken == "other labels":
        description["labels"] = ["A", "B"]
    if broken == "other network":
        description["model"]["hidden_dim"] = 4
    if broken == "full output":
        output.mkdir()
        (output / "thesis.txt").write_text("years of work")
    if broken != "nothing":
        (source / "training.json").write_text(json.dumps(description))
    before = sorted(path.name for path in tmp_path.iterdir())
    arguments = f"--weights {source} --prepared {toy_bert_prepared} --output {output}"
    assert export.main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert messages[broken] in error and error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before
