"""A network as a SavedModel: what both engines compute of it, and what Keras reads back."""

import keras
import numpy as np
import pytest

from bert_toys import TOY_BERT_CONFIG, TOY_DISTILBERT_CONFIG, write_bert
from model.engines.openvino_engine import OpenVINOEngine
from model.engines.tensorflow_engine import TensorFlowEngine
from model.networks.bert import build_bert
from model.networks.registry import build_network
from model.networks.served import read_served, write_served
from model.training.hugging_face import load_backbone
from toys import toy_network

TOKEN_IDS = np.array([[2, 5, 6, 9, 8, 3, 0, 0], [2, 7, 3, 0, 0, 0, 0, 0]], np.int32)
HALF = {"stored_in": "float16"}


def toy(kind, folder):
    if kind == "transformer":
        return toy_network()[::-1]
    config = {"bert": TOY_BERT_CONFIG, "distilbert": TOY_DISTILBERT_CONFIG}[kind]
    spec, backbone = load_backbone(str(write_bert(folder / "toy", config)), "pooled")
    spec = {**spec, "labels": 4}
    return spec, build_bert(spec, backbone)


def size_of(folder) -> int:
    return (folder / "variables" / "variables.data-00000-of-00001").stat().st_size


@pytest.mark.parametrize("kind", ["transformer", "bert", "distilbert"])
def test_both_engines_compute_in_float32_whatever_the_storage(kind, tmp_path):
    spec, network = toy(kind, tmp_path)
    exact = np.asarray(network(TOKEN_IDS))
    rounded = build_network(spec)
    rounded.set_weights([w.astype(np.float16).astype(np.float32) for w in network.get_weights()])
    assert np.abs(np.asarray(rounded(TOKEN_IDS)) - exact).max() > 1e-5
    for storage, wanted in (({}, network), (HALF, rounded)):
        folder = tmp_path / f"served-{len(storage)}"
        write_served({**spec, **storage}, network, str(folder))
        wanted_probabilities = np.asarray(wanted(TOKEN_IDS))
        for engine in (TensorFlowEngine, OpenVINOEngine):
            found = engine(str(folder))(TOKEN_IDS)
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, wanted_probabilities, atol=2e-6)
        np.testing.assert_allclose(wanted_probabilities, exact, atol=2e-3)
        again = build_network(spec)
        read_served(again, str(folder))
        for one, other in zip(again.get_weights(), wanted.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    widest = sum(weight.size for weight in network.get_weights()) * 4
    assert size_of(tmp_path / "served-0") - size_of(tmp_path / "served-1") == widest // 2


def test_a_weight_beyond_half_precision_is_refused(tmp_path):
    spec, network = toy("transformer", tmp_path)
    network.weights[0].assign(keras.ops.full(network.weights[0].shape, 70_000.0))
    with pytest.raises(ValueError, match="a weight of 70000 is too large for float16"):
        write_served({**spec, **HALF}, network, str(tmp_path / "served"))


def test_weights_of_another_network_are_refused(tmp_path):
    spec, network = toy("bert", tmp_path)
    write_served({**spec, "num_layers": 2}, network, str(tmp_path / "served"))
    with pytest.raises(ValueError, match="has not the weights of the network"):
        read_served(build_network({**spec, "num_layers": 3}), str(tmp_path / "served"))
    with pytest.raises(ValueError, match="shape"):
        read_served(build_network({**spec, "vocabulary_size": 9}), str(tmp_path / "served"))
