"""The recipes, by literal rates and by what they leave alone."""

import argparse
import json

import keras
import numpy as np
import pytest

from bert_toys import TOY_BERT_CONFIG, TOY_BERT_VOCABULARY, toy_tensors, write_bert
from model import train
from model.bundle.load import load_bundle
from model.data.batches import LengthGroupedBatches
from model.data.examples import read_examples
from model.data.features import FeatureBatches
from model.networks import bert
from model.tokenizers.tokenizer import Tokenizer
from model.training import recipes
from model.training.hugging_face import load_backbone
from model.training.starting_point import precision, starting_point
from toys import add_teachers_rows


def toy_classifier(folder, frozen=False, pooling="pooled", **settings):
    spec, backbone = load_backbone(str(folder), pooling)
    return bert.build_bert({**spec, "labels": 4, **settings}, backbone, frozen=frozen)


def weights_by_path(network):
    return {weight.path: np.array(weight) for weight in network.weights}


def test_warm_up_over_a_tenth_then_linear_decay():
    schedule = recipes.WarmUpThenDecay(3e-5, 40, warm_up=0.1)
    rates = [float(schedule(step)) for step in range(41)]
    np.testing.assert_allclose(rates[:5], [0.75e-5, 1.5e-5, 2.25e-5, 3e-5, 3e-5], rtol=1e-5)
    np.testing.assert_allclose(np.diff(rates[4:]), -3e-5 / 36, rtol=1e-3)
    assert rates[40] == 0 and max(rates) == pytest.approx(3e-5)
    again = recipes.WarmUpThenDecay(**schedule.get_config())
    assert [float(again(step)) for step in range(41)] == rates


def softmax(logits):
    exponents = np.exp(np.asarray(logits, np.float64))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def test_the_loss_is_hintons():
    """In NumPy, from logits: the squared temperature times the cross-entropy of softened ones."""
    student, teacher = [[2.0, -1.0, 0.5], [0.0, 3.0, -30.0]], [[1.0, 0.0, -2.0], [0.5, 0.5, 4.0]]
    targets = np.concatenate([softmax(teacher), [[1], [1]]], axis=1).astype(np.float32)
    found = recipes.Loss(temperature=3.0)
    wanted = [
        -9 * (softmax(np.divide(t, 3)) * np.log(softmax(np.divide(s, 3)))).sum()
        for s, t in zip(student, teacher, strict=True)
    ]
    probabilities = softmax(student).astype(np.float32)
    np.testing.assert_allclose(found.call(targets, probabilities), wanted, rtol=1e-5)
    plain = -(targets[:, :3] * np.log(probabilities)).sum(axis=1)
    np.testing.assert_allclose(recipes.Loss().call(targets, probabilities), plain, rtol=1e-5)
    assert float(found(targets, probabilities)) == pytest.approx(np.mean(wanted), rel=1e-5)


def test_a_true_label_is_learned_at_no_temperature_and_may_be_smoothed():
    targets = np.array([[0, 1, 0, 0], [0, 1, 0, 1]], np.float32)
    probabilities = np.array([[0.2, 0.7, 0.1]] * 2, np.float32)
    one, teachers = np.asarray(recipes.Loss(5.0, smoothing=0.3).call(targets, probabilities))
    assert one == pytest.approx(-np.log([0.2, 0.7, 0.1]) @ [0.1, 0.8, 0.1], rel=1e-6)
    assert teachers != one
    right = recipes.accuracy(targets, np.array([[0.2, 0.7, 0.1], [0.5, 0.4, 0.1]], np.float32))
    assert np.asarray(right).tolist() == [1, 0]


def test_gradients_of_the_loss_are_finite_where_probabilities_vanish():
    import tensorflow as tf

    logits = tf.constant([[80.0, -80.0, 0.0], [0.0, 0.0, 90.0]])
    targets = tf.constant([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = recipes.Loss(2.0).call(targets, tf.nn.softmax(logits))
    assert np.isfinite(tape.gradient(loss, logits)).all() and np.isfinite(loss).all()


def test_finetune_decays_kernels_and_embeddings_alone(toy_bert):
    network = recipes.finetune(toy_classifier(toy_bert), 100, 3e-5)
    optimizer = network.optimizer
    assert optimizer.weight_decay == 0.01 and optimizer.global_clipnorm == 1.0
    assert len(network.trainable_variables) == len(network.weights)
    decayed = {v.name for v in network.trainable_variables if optimizer._use_weight_decay(v)}
    left = {v.name for v in network.trainable_variables if not optimizer._use_weight_decay(v)}
    assert decayed == {"kernel", "embeddings"} and left == {"bias", "gamma", "beta"}


def test_finetune_trains_everything_it_uses(toy_bert, toy_bert_prepared):
    examples = read_examples(toy_bert_prepared, ["Business", "Sci/Tech", "Sports", "World"])
    for pooling in ("pooled", "mean"):
        network = toy_classifier(toy_bert, pooling=pooling)
        before = weights_by_path(network)
        batches = LengthGroupedBatches(examples, 4, seed=0)
        recipes.finetune(network, 3, 1e-3).run_eagerly = True  # tracing takes longer than the toy
        network.fit(batches.for_keras(), epochs=1, verbose=0, shuffle=False)
        same = {path for path, old in before.items() if np.array_equal(old, _now(network, path))}
        unused = {path for path in before if "pooled_dense" in path}
        # A key's bias shifts all scores of a query alike: its gradient is 0 but for rounding.
        keys = {path for path in before if path.endswith("key/bias")}
        assert same - keys == (unused if pooling == "mean" else set())


def test_frozen_trains_the_head_alone(toy_bert, toy_bert_prepared):
    examples = read_examples(toy_bert_prepared, ["Business", "Sci/Tech", "Sports", "World"])
    network = toy_classifier(toy_bert, frozen=True)
    assert {v.path for v in network.trainable_variables} == {"softmax/kernel", "softmax/bias"}
    before = weights_by_path(network)
    batches = FeatureBatches(network, examples, 4, seed=0)
    recipes.frozen(network.get_layer("head"), 3, 1e-2).fit(batches, verbose=0, shuffle=False)
    changed = {p for p, old in before.items() if not np.array_equal(old, _now(network, p))}
    assert changed == {"softmax/kernel", "softmax/bias"}


def test_features_computed_once_train_the_same_head(toy_bert, toy_bert_prepared, tmp_path):
    """As behind the backbone, which then must drop nothing out."""
    plain = write_bert(tmp_path / "plain", {**TOY_BERT_CONFIG, "hidden_dropout_prob": 0.0})
    examples = read_examples(toy_bert_prepared, ["Business", "Sci/Tech", "Sports", "World"])
    heads = []
    for cached in (True, False):
        folder = toy_bert if cached else plain
        network = toy_classifier(folder, frozen=True, head_dropout=0.0)
        network.get_layer("head").set_weights([np.eye(8, 4), np.zeros(4)])
        if cached:
            fitted = network.get_layer("head")
            batches = FeatureBatches(network, examples, 4, seed=7)
        else:
            fitted, batches = network, LengthGroupedBatches(examples, 4, seed=7)
        recipes.frozen(fitted, 3 * len(batches), 1e-2).run_eagerly = True
        for epoch in range(3):
            batches.start_at(epoch)
            for index in range(len(batches)):
                fitted.train_on_batch(*batches[index])
        heads.append([np.array(weight) for weight in network.get_layer("head").weights])
    for once, every_time in zip(*heads, strict=True):
        np.testing.assert_allclose(once, every_time, atol=1e-5)


def test_a_try_computes_the_features_of_its_rows_alone(toy_bert, toy_bert_prepared):
    examples = read_examples(toy_bert_prepared, ["Business", "Sci/Tech", "Sports", "World"])
    batches = FeatureBatches(toy_classifier(toy_bert, True), examples, 2, seed=0, steps=3)
    assert len(batches) == 3 and batches.features.shape == (6, 8)
    assert FeatureBatches(toy_classifier(toy_bert, True), examples, 2, steps=99).features.shape == (
        len(examples),
        8,
    )


@pytest.mark.parametrize(
    ("recipe", "pooling"), [("finetune", "pooled"), ("frozen", "pooled"), ("frozen", "mean")]
)
def test_from_the_command_line_to_a_bundle(
    toy_bert, toy_bert_prepared, tmp_path, capsys, recipe, pooling
):
    output = tmp_path / "bundle"
    code = train.main(
        f"--prepared {toy_bert_prepared} --model bert --backbone {toy_bert} --recipe {recipe} "
        f"--pooling {pooling} --epochs 2 --batch_size 4 --validation 0.25 --output {output}".split()
    )
    assert code == 0, capsys.readouterr().err
    saved = load_bundle(output)
    assert saved.training["recipe"] == recipe and saved.training["precision"] == "float32"
    assert saved.model["pooling"] == pooling and saved.model["labels"] == len(saved.labels) == 4
    _assert_serves_what_its_network_says(saved)


@pytest.mark.slow
def test_a_bert_learns_from_a_teacher(toy_bert, toy_bert_prepared, tmp_path):
    cls, sep, the, chip = (TOY_BERT_VOCABULARY.index(w) for w in ("[CLS]", "[SEP]", "the", "chip"))
    taught = add_teachers_rows(
        toy_bert_prepared,
        tmp_path / "taught",
        [[cls, the, chip, sep]] * 12,
        [[0.9, 0, 0.1, 0]] * 12,
    )
    code = train.main(
        f"--prepared {taught} --model bert --backbone {toy_bert} --epochs 25 --batch_size 12 "
        f"--learning_rate 0.03 --gold_weight 0.1 --temperature 3 --validation 0 "
        f"--output {tmp_path / 'bundle'}".split()
    )
    assert code == 0
    saved = load_bundle(tmp_path / "bundle")
    assert (saved.training["teacher_rows"], saved.training["temperature"]) == (12, 3)
    network = saved.network()
    found = np.asarray(network(np.array([[cls, the, chip, sep]], np.int32)))[0]
    np.testing.assert_allclose(found, [0.9, 0, 0.1, 0], atol=0.1)  # gold has chips as Sci/Tech


def _assert_serves_what_its_network_says(saved):
    import pyarrow as pa
    import tensorflow as tf

    network = saved.network()
    module = tf.saved_model.load(saved.saved_model_dir)
    token_ids, _ = Tokenizer(saved.transform_dir)(pa.array(["the teams won", "war", "new market:"]))
    rows = token_ids.to_pylist()
    batch = np.zeros((3, max(map(len, rows)) + 2), np.int32)
    for i, row in enumerate(rows):
        batch[i, : len(row)] = row
    together = module.serve(batch).numpy()
    np.testing.assert_allclose(together, network(batch), atol=1e-5)
    for row, expected in zip(rows, together, strict=True):
        alone = module.serve(np.array([row], np.int32))[0]
        np.testing.assert_allclose(alone, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--model bert", "needs --backbone"),
        ("--model bert --backbone {bert} --recipe scratch", "--recipe scratch is not for bert"),
        ("--model transformer --recipe frozen", "--recipe frozen is not for transformer"),
        ("--model bert --backbone {bert}/nothing", "neither a Hugging Face directory"),
        ("--model bert --backbone {small}", "was not prepared for"),
        ("--model bert --backbone {short}", "takes 4 tokens"),
    ],
)
def test_a_command_that_cannot_work_gives_one_line(
    toy_bert, toy_bert_prepared, tmp_path, capsys, flags, message
):
    config = {**TOY_BERT_CONFIG, "vocab_size": 9}
    small = write_bert(tmp_path / "small", config, toy_tensors(config))
    config = {**TOY_BERT_CONFIG, "max_position_embeddings": 4}
    short = write_bert(tmp_path / "short", config, toy_tensors(config))
    flags = flags.format(bert=toy_bert, small=small, short=short)
    output = tmp_path / "bundle"
    code = train.main(f"--prepared {toy_bert_prepared} {flags} --output {output}".split())
    error = capsys.readouterr().err
    assert code == 2 and message in error and error.count("\n") == 1
    assert not output.exists()


def test_two_labels_and_two_hundred(toy_bert):
    for labels in (2, 200):
        description = {
            "labels": [f"label {i}" for i in range(labels)],
            "max_tokens": 16,
            "tokenizer": {"kind": "wordpiece", "vocab_size": 15},
        }
        options = argparse.Namespace(
            model="bert",
            backbone=str(toy_bert),
            pooling="mean",
            recipe="frozen",
            prepared="",
            layers=None,
        )
        spec, network = starting_point(options, description)
        assert network(np.array([[2, 5, 3]], np.int32)).shape == (1, labels)
        assert json.loads(json.dumps(spec)) == spec


def test_mixed_precision_is_for_the_network_built_inside(toy_bert):
    with precision("mixed_bfloat16"):
        network = toy_classifier(toy_bert)
    assert keras.config.dtype_policy().name == "float32"
    layer = network.get_layer("backbone").transformer_layers[0]
    assert layer.compute_dtype == "bfloat16"
    assert {str(w.dtype) for w in network.weights} == {"float32"}
    probabilities = network(np.array([[2, 5, 3]], np.int32))
    assert keras.backend.standardize_dtype(probabilities.dtype) == "float32"
    expected = toy_classifier(toy_bert)
    expected.set_weights(network.get_weights())
    np.testing.assert_allclose(probabilities, expected(np.array([[2, 5, 3]], np.int32)), atol=3e-2)


def _now(network, path):
    return next(np.array(weight) for weight in network.weights if weight.path == path)
