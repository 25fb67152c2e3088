"""A backbone with fewer layers, pieces and positions, which computes what is left as before.

The first layers are kept: each goes on with what the one below it gives, and of a fine-tuned BERT
those at the top are missed least (Sajjad et al., "On the Effect of Dropping Layers of Pre-trained
Transformer Models", 2020, arXiv:2004.03844).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from model.networks.bert import build_backbone
from model.networks.registry import build_network


def smaller_backbone(
    spec: Mapping[str, Any],
    backbone: keras.Model,
    *,
    layers: int | None = None,
    rows: Sequence[int] | None = None,
    positions: int | None = None,
) -> tuple[dict[str, Any], keras.Model]:
    """Cuts a backbone; what is None stays as it is.

    Args:
        spec: the network's.
        backbone: with its weights.
        layers: so many of the first layers are kept.
        rows: pieces that are kept, by their ids, in the order of the new ids.
        positions: so many of the first positions are kept.

    Returns:
        The spec and the backbone.
    """
    sizes = {
        "num_layers": layers,
        "vocabulary_size": None if rows is None else len(rows),
        "max_sequence_length": positions,
    }
    spec = {**spec, **{name: size for name, size in sizes.items() if size is not None}}
    cut = build_backbone(spec)
    for layer in cut.layers:
        before = backbone.get_layer(layer.name).weights
        for variable, earlier in zip(layer.weights, before, strict=True):
            value = np.asarray(earlier)
            if rows is not None and "token_embedding" in earlier.path.split("/"):
                value = value[np.asarray(rows)]
            variable.assign(value[: variable.shape[0]])
    return spec, cut


def smaller_classifier(
    spec: Mapping[str, Any], network: keras.Model, rows: Sequence[int], positions: int
) -> tuple[dict[str, Any], keras.Model]:
    """The same of a whole classifier, whose head stays.

    Args:
        spec: the network's.
        network: what `build_network` gives for it.
        rows: as `smaller_backbone` has them.
        positions: as `smaller_backbone` has them.

    Returns:
        The spec and the network.
    """
    spec, backbone = smaller_backbone(
        spec, network.get_layer("backbone"), rows=rows, positions=positions
    )
    cut = build_network(spec)
    for name, layer in (("backbone", backbone), ("head", network.get_layer("head"))):
        cut.get_layer(name).set_weights(layer.get_weights())
    return spec, cut
