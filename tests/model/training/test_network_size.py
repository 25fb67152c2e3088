"""Layers and their parameters, by literal numbers."""

import keras

from model.training.network_size import network_size, size_lines


def toy():
    inner = keras.Sequential([keras.Input([4]), keras.layers.Dense(3, name="inside")], name="inner")
    inputs = keras.Input([4])
    hidden = keras.layers.Dropout(0.1)(inner(inputs))
    network = keras.Model(inputs, keras.layers.Dense(2, name="head")(hidden))
    inner.trainable = False
    return network


def test_models_within_models_are_opened():
    assert network_size(toy()) == {
        "parameters": 4 * 3 + 3 + 3 * 2 + 2,
        "trainable_parameters": 3 * 2 + 2,
        "layers": [
            {"name": "inside", "kind": "Dense", "parameters": 15},
            {"name": "head", "kind": "Dense", "parameters": 8},
        ],
    }


def test_lines():
    assert size_lines(network_size(toy())) == [
        "23 parameters, 8 of them trained:",
        "  inside  Dense             15",
        "  head    Dense              8",
    ]
