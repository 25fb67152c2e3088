"""BERT and DistilBERT from a Hugging Face directory, against BERT in NumPy and `transformers`."""

import json

import keras
import keras_hub
import numpy as np
import pytest
from safetensors.numpy import load_file

from bert_toys import (
    TOY_BERT_CONFIG,
    TOY_DISTILBERT_CONFIG,
    numpy_bert,
    toy_tensors,
    write_bert,
)
from model.networks import bert
from model.networks.registry import build_network
from model.training.hugging_face import CheckpointError, load_backbone

TOKEN_IDS = np.array([[2, 5, 6, 13, 9, 3, 0, 0], [2, 7, 3, 0, 0, 0, 0, 0]], np.int32)
BERT_BASE = bert.bert_spec(
    "bert",
    vocabulary_size=30522,
    num_layers=12,
    num_heads=12,
    hidden_dim=768,
    intermediate_dim=3072,
    labels=4,
)


def hidden_states(backbone, token_ids):
    outputs = bert.run_backbone(backbone, keras.ops.convert_to_tensor(token_ids))
    return np.asarray(outputs["sequence_output"] if isinstance(outputs, dict) else outputs)


def distance_from_numpy(backbone, config, tensors):
    ours = hidden_states(backbone, TOKEN_IDS)
    farthest = 0.0
    for row, states in zip(TOKEN_IDS, ours, strict=True):
        length = (row != 0).sum()
        expected, _ = numpy_bert(config, tensors, row[:length])
        farthest = max(farthest, np.abs(states[:length] - expected).max())
    return farthest


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_hidden_states_are_the_checkpoints(tmp_path, kind, activation):
    name, config = {
        "bert": ("hidden_act", TOY_BERT_CONFIG),
        "distilbert": ("activation", TOY_DISTILBERT_CONFIG),
    }[kind]
    config = {**config, name: activation}
    spec, backbone = load_backbone(str(write_bert(tmp_path / "toy", config)), "mean")
    assert spec["architecture"] == kind
    assert distance_from_numpy(backbone, config, toy_tensors(config)) < 1e-5
    if activation != "relu":  # the other form of GELU is not the checkpoint
        other = {**config, name: "gelu" if activation == "gelu_new" else "gelu_new"}
        assert distance_from_numpy(backbone, other, toy_tensors(other)) > 1e-4


def test_the_epsilon_of_the_layer_norms_is_the_checkpoints(tmp_path):
    config = {**TOY_BERT_CONFIG, "layer_norm_eps": 0.1}
    spec, backbone = load_backbone(str(write_bert(tmp_path / "toy", config)))
    assert spec["layer_norm_epsilon"] == 0.1
    assert distance_from_numpy(backbone, config, toy_tensors(config)) < 1e-5


@pytest.mark.parametrize("config", [TOY_BERT_CONFIG, TOY_DISTILBERT_CONFIG])
def test_names_with_the_whole_models_prefix(tmp_path, config):
    tensors = toy_tensors(config)
    prefixed = {f"{config['model_type']}.{name}": tensor for name, tensor in tensors.items()}
    prefixed["classifier.weight"] = np.ones((4, 8), np.float32)
    _, backbone = load_backbone(str(write_bert(tmp_path / "toy", config, prefixed)))
    assert distance_from_numpy(backbone, config, tensors) < 1e-5


def test_old_names_of_layer_norms_and_half_precision(tmp_path):
    tensors = {name: tensor.astype(np.float16) for name, tensor in toy_tensors().items()}
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in tensors.items()
    }
    _, backbone = load_backbone(str(write_bert(tmp_path / "toy", tensors=old)))
    assert distance_from_numpy(backbone, TOY_BERT_CONFIG, tensors) < 1e-5


def test_pooled_and_mean_features(tmp_path):
    folder = str(write_bert(tmp_path / "toy"))
    for pooling in ("pooled", "mean"):
        spec, backbone = load_backbone(folder, pooling)
        network = bert.build_bert({**spec, "labels": 4}, backbone)
        features = np.asarray(bert.features_of(network)(TOKEN_IDS))
        for row, vector in zip(TOKEN_IDS, features, strict=True):
            states, pooled = numpy_bert(TOY_BERT_CONFIG, toy_tensors(), row[row != 0])
            expected = pooled if pooling == "pooled" else states.mean(axis=0)
            np.testing.assert_allclose(vector, expected, atol=1e-5)


def test_distilbert_pools_by_its_first_token(tmp_path):
    spec, backbone = load_backbone(str(write_bert(tmp_path / "toy", TOY_DISTILBERT_CONFIG)))
    network = bert.build_bert({**spec, "labels": 4}, backbone)
    states = hidden_states(backbone, TOKEN_IDS)
    np.testing.assert_allclose(bert.features_of(network)(TOKEN_IDS), states[:, 0], atol=1e-6)


@pytest.mark.parametrize("pooling", ("pooled", "mean"))
def test_probabilities_do_not_depend_on_the_batch(tmp_path, pooling):
    spec, backbone = load_backbone(str(write_bert(tmp_path / "toy")), pooling)
    network = bert.build_bert({**spec, "labels": 4}, backbone)
    together = np.asarray(network(TOKEN_IDS))
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)
    for row, expected in zip(TOKEN_IDS, together, strict=True):
        alone = np.asarray(network(row[row != 0][None]))[0]
        np.testing.assert_allclose(alone, expected, atol=1e-5)


def test_a_spec_rebuilds_the_network(tmp_path):
    config = {**TOY_BERT_CONFIG, "hidden_act": "gelu_new", "layer_norm_eps": 1e-3}
    spec, backbone = load_backbone(str(write_bert(tmp_path / "toy", config)))
    for frozen in (False, True):
        network = bert.build_bert({**spec, "labels": 2}, backbone, frozen=frozen)
        again = build_network(json.loads(json.dumps({**spec, "labels": 2})))
        again.set_weights(network.get_weights())
        np.testing.assert_allclose(again(TOKEN_IDS), network(TOKEN_IDS), atol=1e-6)


def test_a_keras_hub_preset(tmp_path):
    sizes = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
    preset = keras_hub.models.BertBackbone(
        vocabulary_size=15, max_sequence_length=16, **sizes, dropout=0.2
    )
    preset.save_to_preset(str(tmp_path / "preset"))
    spec, backbone = load_backbone(str(tmp_path / "preset"))
    assert (spec["dropout"], spec["activation"], spec["source"]) == (0.2, "gelu_tanh", "preset")
    np.testing.assert_allclose(
        hidden_states(backbone, TOKEN_IDS), hidden_states(preset, TOKEN_IDS), atol=1e-6
    )


def test_a_pooler_may_be_missing_where_nothing_needs_it(tmp_path):
    tensors = {name: t for name, t in toy_tensors().items() if not name.startswith("pooler")}
    folder = str(write_bert(tmp_path / "toy", tensors=tensors))
    _, backbone = load_backbone(folder, "mean")
    assert distance_from_numpy(backbone, TOY_BERT_CONFIG, toy_tensors()) < 1e-5
    with pytest.raises(CheckpointError, match="--pooling mean"):
        load_backbone(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "roberta"}, "model_type 'roberta'; only bert and distilbert"),
        ({"hidden_act": "silu"}, "activation 'silu'"),
        ({"position_embedding_type": "relative_key"}, "'relative_key'"),
        ({"pad_token_id": 1}, "pad_token_id 1"),
        ({"hidden_size": None}, "config.json has no 'hidden_size'"),
        ({"hidden_size": 4}, "model.safetensors does not fit config.json"),
        ({"num_hidden_layers": 3}, "no weight encoder.layer.2."),
    ],
)
def test_a_directory_that_cannot_be_read_gives_one_line(tmp_path, change, message):
    config = {name: v for name, v in {**TOY_BERT_CONFIG, **change}.items() if v is not None}
    folder = write_bert(tmp_path / "toy", config, toy_tensors())
    with pytest.raises(CheckpointError, match=message) as caught:
        load_backbone(str(folder))
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", None, "no config.json"),
        ("config.json", b"{", "no JSON"),
        ("config.json", b"[]", "no JSON object"),
        ("model.safetensors", None, "no model.safetensors"),
        ("model.safetensors", b"\x10", "not readable"),
    ],
)
def test_a_piece_missing_or_broken_gives_one_line(tmp_path, name, content, message):
    file = write_bert(tmp_path / "toy") / name
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_backbone(str(tmp_path / "toy"))
    assert "\n" not in str(caught.value)


def test_no_such_backbone_gives_one_line(tmp_path):
    with pytest.raises(CheckpointError, match="neither") as caught:
        load_backbone(str(tmp_path / "nothing"))
    assert "\n" not in str(caught.value)


def test_parameters_of_bert_base(monkeypatch):
    def zeros(self, shape, dtype=None, **_):
        return keras.ops.zeros(shape, dtype)

    monkeypatch.setattr(keras.initializers.TruncatedNormal, "__call__", zeros)
    network = bert.build_bert(BERT_BASE, frozen=True)
    assert network.count_params() == 109_485_316
    assert sum(int(np.prod(v.shape)) for v in network.trainable_variables) == 3_076


def test_real_hidden_states(minilm):
    """Against what `transformers` 5.23 and PyTorch 2.15 gave, and against NumPy."""
    spec, backbone = load_backbone(str(minilm))
    token_ids = np.array([[101, 7592, 1010, 2045, 102, 0]], np.int32)
    states = hidden_states(backbone, token_ids)[0, :5]
    config = json.loads((minilm / "config.json").read_text())
    tensors = load_file(minilm / "model.safetensors")
    expected, _ = numpy_bert(config, tensors, token_ids[0, :5])
    np.testing.assert_allclose(states, expected, atol=1e-4)
    np.testing.assert_allclose(
        states[0, :4], [0.0462009, -0.0060135, -0.0018559, 0.1633576], atol=1e-4
    )
    np.testing.assert_allclose(
        states[4, -4:], [0.1992136, -0.3756966, 1.0005895, 0.0024695], atol=1e-4
    )
    assert (spec["num_layers"], spec["hidden_dim"], spec["activation"]) == (6, 384, "gelu")
