"""Rebuilds a network from its spec, whatever its kind."""

from collections.abc import Mapping
from typing import Any

import keras


def build_network(spec: Mapping[str, Any]) -> keras.Model:
    """Builds the network that `bundle.json` calls `model`, with weights not yet loaded.

    Raises:
        ValueError: This version knows no such kind of network.
    """
    if spec["kind"] == "transformer":
        from model.transformer import build_transformer

        return build_transformer(spec)
    if spec["kind"] == "bert":
        from model.bert import build_bert

        return build_bert(spec)
    raise ValueError(f"no network is called {spec['kind']!r}: transformer, bert")
