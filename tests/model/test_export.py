"""From a machine without TensorFlow and Beam to a bundle."""

import contextlib
import json
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from model import export
from model.bundle.load import load_bundle
from model.engines.choose import EngineChoice
from model.engines.labelled import Labeller
from model.inspection.page import explain
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
    network = build_network(saved.model)
    network.load_weights(trained / "model.weights.h5")
    _assert_serves(saved, network)
    _assert_serves(saved, saved.network())


def _assert_serves(saved, network):
    import tensorflow as tf

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
    _assert_serves(saved, saved.network())


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


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--weights {weights}", "--weights needs --prepared"),
        ("--weights {weights} --model {bundle}", "not allowed with argument --weights"),
        ("--model {bundle} --prepared {prepared}", "doesn't keep a part of the vocabulary of"),
        ("--model {words} --prepared {prepared}", "doesn't keep a part of the vocabulary of"),
        ("--model {weights}", "is no bundle: it has no bundle.json"),
    ],
)
def test_options_that_do_not_go_together_give_one_line(
    toy_weights, toy_bert_bundle, toy_bundle, toy_bert_prepared, tmp_path, capsys, flags, message
):
    flags = flags.format(
        weights=toy_weights,
        bundle=toy_bert_bundle.path,
        words=toy_bundle.path,
        prepared=toy_bert_prepared,
    )
    with contextlib.suppress(SystemExit):
        assert export.main(f"{flags} --output {tmp_path / 'out'}".split()) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") <= 2
    assert not (tmp_path / "out").exists()


def test_half_the_bytes(toy_bert_bundle, tmp_path):
    flags = f"--model {toy_bert_bundle.path} --half --output {tmp_path / 'half'}"
    assert export.main([*flags.split(), "--name", "small one"]) == 0
    half = load_bundle(tmp_path / "half")
    assert half.model == {**toy_bert_bundle.model, "stored_in": "float16"}
    assert half.name == "small one" and half.metrics == toy_bert_bundle.metrics
    whole = toy_bert_bundle.network()(TOKEN_IDS)
    np.testing.assert_allclose(half.network()(TOKEN_IDS), whole, atol=2e-3)
    _assert_serves(half, half.network())
    # What is made of it stays as narrow.
    flags = f"--model {half.path} --output {tmp_path / 'again'}"
    assert export.main(flags.split()) == 0
    assert load_bundle(tmp_path / "again").model == half.model


def test_a_part_of_the_vocabulary(toy_bert_bundle, toy_bert_trimmed, tmp_path):
    """Texts of kept pieces get the whole bundle's probabilities; others are partly unknown."""
    flags = f"--model {toy_bert_bundle.path} --prepared {toy_bert_trimmed} --half"
    assert export.main(f"{flags} --output {tmp_path / 'part'}".split()) == 0
    part = load_bundle(tmp_path / "part")
    assert (part.tokenizer["vocab_size"], part.tokenizer["unknown_id"]) == (9, 1)
    assert part.metrics == {} and part.model["max_sequence_length"] == 16
    kept, others = ["the team won", "war, the market"], ["the chip fell"]
    for engine in ("tensorflow", "openvino"):
        choice = EngineChoice(engine, "float32", 1024)
        ours, theirs = Labeller(part, choice), Labeller(toy_bert_bundle, choice)
        texts = pa.array(kept)
        np.testing.assert_allclose(ours(texts), theirs(texts), atol=2e-3)
        texts = pa.array(others)
        np.testing.assert_allclose(ours(texts), theirs(pa.array(["the § §"])), atol=2e-3)
    page = explain(part, "the chip won")
    assert "[UNK]" in page and "won" in page
