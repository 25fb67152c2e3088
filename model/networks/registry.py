"""Rebuilds a network from its spec, and serves it, whatever its kind."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import layers, ops

from model.networks.calibration import calibrated


@keras.saving.register_keras_serializable("newsbeam")
class Calibration(layers.Layer):
    """`model.networks.calibration.calibrated` as a layer."""

    def __init__(self, calibration: Mapping[str, Any], **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.calibration = calibration

    def call(self, probabilities):
        """Probabilities float32 [batch, labels] -> calibrated ones."""
        return calibrated(probabilities, self.calibration, ops)


def build_network(spec: Mapping[str, Any]) -> keras.Model:
    """Builds the network that `bundle.json` calls `model`, with weights not yet loaded.

    With a `calibration` in the spec, its probabilities are calibrated; its weights are the same.

    Raises:
        ValueError: This version knows no such kind of network.
    """
    network = _build(spec)
    if spec.get("calibration") is None:
        return network
    probabilities = Calibration(spec["calibration"], name="calibration")(network.output)
    return keras.Model(network.input, probabilities, name=network.name)


def _build(spec: Mapping[str, Any]) -> keras.Model:
    if spec["kind"] == "transformer":
        from model.networks.transformer import build_transformer

        return build_transformer(spec)
    if spec["kind"] == "bert":
        from model.networks.bert import build_bert

        return build_bert(spec)
    raise ValueError(f"no network is called {spec['kind']!r}: transformer, bert")


def serving_function(spec: Mapping[str, Any], network: keras.Model) -> Callable[[Any], Any]:
    """A trained network as bundles serve it, calibrated if the spec says so.

    Returns:
        A function from token ids, int32 [batch, length], 0 padding, to probabilities, float32
        [batch, labels]; nothing is dropped out.
    """
    if spec["kind"] == "bert":
        from model.networks.bert_serving import serve_bert

        serve = serve_bert(spec, network)
        return lambda token_ids: calibrated(serve(token_ids), spec.get("calibration"), ops)
    return lambda token_ids: network(token_ids, training=False)
