"""Rebuilds a network from its spec, and serves it, whatever its kind."""

from collections.abc import Callable, Mapping
from typing import Any

import keras


def build_network(spec: Mapping[str, Any]) -> keras.Model:
    """Builds the network that `bundle.json` calls `model`, with weights not yet loaded.

    Raises:
        ValueError: This version knows no such kind of network.
    """
    if spec["kind"] == "transformer":
        from model.networks.transformer import build_transformer

        return build_transformer(spec)
    if spec["kind"] == "bert":
        from model.networks.bert import build_bert

        return build_bert(spec)
    raise ValueError(f"no network is called {spec['kind']!r}: transformer, bert")


def serving_function(spec: Mapping[str, Any], network: keras.Model) -> Callable[[Any], Any]:
    """A trained network as bundles serve it.

    Returns:
        A function from token ids, int32 [batch, length], 0 padding, to probabilities, float32
        [batch, labels]; nothing is dropped out.
    """
    if spec["kind"] == "bert":
        from model.networks.bert_serving import serve_bert

        return serve_bert(spec, network)
    return lambda token_ids: network(token_ids, training=False)
