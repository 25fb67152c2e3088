"""How many floating-point operations a network's answer takes, by its shapes.

A multiplication and the addition that goes with it count as two, as for the matrix rate that they
are held against. Only matrix products are counted: embeddings, norms, softmax and activations cost
time, but hardly any arithmetic. Padding is not counted either: a document costs what its own tokens
cost, so that time spent on padding shows as a lower share of the machine.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np


def document_flops(spec: Mapping[str, Any], lengths: np.ndarray, is_served: bool = False) -> float:
    """Operations that the answer to a document takes, on average.

    Args:
        spec: the `model` of a bundle.
        lengths: int [documents], token ids that the network sees of each.
        is_served: as a bundle's SavedModel computes it, which takes fewer (`model.networks.block`,
            `model.networks.bert_serving`); else by the layers as they are trained.

    Returns:
        Floating-point operations of one document.

    Raises:
        ValueError: for a kind of network that is not known here.
    """
    tokens = np.asarray(lengths, np.float64)
    if spec["kind"] == "transformer":
        each = _transformer(spec, tokens, is_served)
    elif spec["kind"] == "bert":
        each = _bert(spec, tokens, is_served)
    else:
        raise ValueError(f"no network is called {spec['kind']!r}")
    return float(each.mean())


def _transformer(spec: Mapping[str, Any], tokens: np.ndarray, is_served: bool) -> np.ndarray:
    embed, heads, inner = spec["embed"], spec["heads"], spec["heads"] * spec["key_size"]
    projections = _projections(embed, inner)
    if is_served and embed <= spec["key_size"]:  # folded: two products of a head's, embed wide
        projections, inner = heads * 2 * 2 * embed**2, heads * embed
    per_token = projections + 4 * embed * spec["feed_forward"]
    head = 2 * embed * spec["dense"] + 2 * spec["dense"] * spec["labels"]
    return per_token * tokens + _attention(inner, tokens) * tokens + head


def _bert(spec: Mapping[str, Any], tokens: np.ndarray, is_served: bool) -> np.ndarray:
    hidden, layers = spec["hidden_dim"], spec["num_layers"]
    per_token = _projections(hidden, hidden) + 4 * hidden * spec["intermediate_dim"]
    is_pooled = spec["pooling"] == "pooled"
    has_pooler = is_pooled and spec["architecture"] == "bert"
    head = 2 * hidden * spec["labels"] + (2 * hidden**2 if has_pooler else 0)
    if is_served and is_pooled:  # the last layer's is one token; its heads see whole tokens
        layers -= 1
        head = head + per_token + _attention(spec["num_heads"] * hidden, tokens)
    return layers * (per_token + _attention(hidden, tokens)) * tokens + head


def _attention(inner: int, tokens: np.ndarray) -> np.ndarray:
    """A token's query times all keys, and its weights times all values."""
    return 4 * inner * tokens


def _projections(hidden: int, inner: int) -> int:
    """Query, key, value and output of one token."""
    return 4 * 2 * hidden * inner
