"""How large a network is, layer by layer."""

import math
from typing import Any

import keras


def layer_sizes(network: keras.Model) -> list[dict[str, Any]]:
    """The layers that have weights, `name`, `kind` and `parameters` of each; models are opened."""
    sizes: list[dict[str, Any]] = []
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            sizes += layer_sizes(layer)
        elif parameters := layer.count_params():
            kind = type(layer).__name__
            sizes.append({"name": layer.name, "kind": kind, "parameters": parameters})
    return sizes


def network_size(network: keras.Model) -> dict[str, Any]:
    """`parameters` in all, `trainable_parameters` of them, and the `layers`; for JSON."""
    trainable = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    return {
        "parameters": network.count_params(),
        "trainable_parameters": trainable,
        "layers": layer_sizes(network),
    }


def size_lines(size: dict[str, Any]) -> list[str]:
    """What `network_size` gives, for people."""
    name, kind = (max(len(layer[key]) for layer in size["layers"]) for key in ("name", "kind"))
    return [
        f"{size['parameters']:,} parameters, {size['trainable_parameters']:,} of them trained:",
        *(
            f"  {layer['name']:{name}}  {layer['kind']:{kind}}  {layer['parameters']:>13,}"
            for layer in size["layers"]
        ),
    ]
