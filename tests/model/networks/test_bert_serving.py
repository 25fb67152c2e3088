"""A BERT as it is served, against the network that was trained."""

import keras
import numpy as np
import pytest

from model.networks import bert
from model.networks.bert_serving import serve_bert
from model.networks.registry import serving_function
from model.networks.transformer import build_transformer, transformer_spec
from model.training.starting_point import precision

pytestmark = pytest.mark.numerical

TOKEN_IDS = np.array(
    [[2, 5, 6, 13, 9, 3, 0, 0], [2, 7, 3, 0, 0, 0, 0, 0], [2, 3, 4, 5, 6, 7, 8, 9]], np.int32
)
SIZES = {
    "vocabulary_size": 15,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 16,
    "labels": 4,
}


def drawn_bert(spec):
    """A network whose every weight, biases and norms among them, matters."""
    network = bert.build_bert(spec)
    draw = np.random.default_rng(0)
    for variable in network.trainable_variables:
        middle = 1.0 if variable.path.endswith("gamma") else 0.0
        spread = 0.5 if len(variable.shape) > 1 else 0.1
        variable.assign(draw.normal(middle, spread, size=variable.shape))
    return network


def served(spec, network):
    return np.asarray(serve_bert(spec, network)(keras.ops.convert_to_tensor(TOKEN_IDS)))


def plain(network):
    return np.asarray(network(TOKEN_IDS, training=False)).astype(np.float32)


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("pooling", ("pooled", "mean"))
@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "relu"])
@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
def test_probabilities_are_the_networks(architecture, activation, pooling, num_layers):
    settings = {**SIZES, "num_layers": num_layers, "activation": activation, "pooling": pooling}
    spec = bert.bert_spec(architecture, **settings, layer_norm_epsilon=0.1)
    network = drawn_bert(spec)
    expected = plain(network)
    assert np.ptp(expected, axis=0).max() > 0.05  # the texts differ
    assert np.allclose(served(spec, network), expected, rtol=0, atol=1e-6)


def test_padding_changes_nothing():
    spec = bert.bert_spec("bert", **SIZES, num_layers=2)
    serve = serve_bert(spec, drawn_bert(spec))
    short = np.array([[2, 7, 3]], np.int32)
    padded = np.pad(short, [(0, 0), (0, 9)])
    one, other = (np.asarray(serve(keras.ops.convert_to_tensor(ids))) for ids in (short, padded))
    assert np.allclose(one, other, rtol=0, atol=1e-6)


def test_float32_whatever_it_was_trained_in():
    spec = bert.bert_spec("bert", **SIZES, num_layers=2)
    network = drawn_bert(spec)
    with precision("mixed_bfloat16"):
        mixed = bert.build_bert(spec)
    mixed.set_weights(network.get_weights())
    assert np.array_equal(served(spec, mixed), served(spec, network))
    assert not np.allclose(plain(mixed), served(spec, network), atol=1e-6)


def test_a_small_transformer_is_served_without_dropout():
    spec = transformer_spec(15, 8, 4)
    network = build_transformer(spec)
    answer = serving_function(spec, network)(keras.ops.convert_to_tensor(TOKEN_IDS))
    assert np.array_equal(answer, plain(network))
