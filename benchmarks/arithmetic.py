"""How many floating-point operations a network's answer takes, by its shapes.

A multiplication and the addition that goes with it count as two, as for the matrix rate that they
are held against. Only matrix products are counted: embeddings, norms, softmax and activations cost
time, but hardly any arithmetic. Padding is not counted either: a document costs what its own tokens
cost, so that time spent on padding shows as a lower share of the machine.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np


def document_flops(spec: Mapping[str, Any], lengths: np.ndarray) -> float:
    """Operations that the answer to a document takes, on average.

    Args:
        spec: the `model` of a bundle.
        lengths: int [documents], token ids that the network sees of each.

    Returns:
        Floating-point operations of one document.

    Raises:
        ValueError: for a kind of network that is not known here.
    """
    tokens = np.asarray(lengths, np.float64)
    if spec["kind"] == "transformer":
        inner = spec["heads"] * spec["key_size"]
        per_token = _projections(spec["embed"], inner) + 4 * spec["embed"] * spec["feed_forward"]
        head = 2 * spec["embed"] * spec["dense"] + 2 * spec["dense"] * spec["labels"]
        blocks = 1
    elif spec["kind"] == "bert":
        inner = hidden = spec["hidden_dim"]
        per_token = _projections(hidden, hidden) + 4 * hidden * spec["intermediate_dim"]
        has_pooler = spec["pooling"] == "pooled" and spec["architecture"] == "bert"
        head = 2 * hidden * spec["labels"] + (2 * hidden**2 if has_pooler else 0)
        blocks = spec["num_layers"]
    else:
        raise ValueError(f"no network is called {spec['kind']!r}")
    # Queries times keys, and weights times values: 2 * length * inner each, for every token.
    each = blocks * (per_token * tokens + 4 * inner * tokens**2) + head
    return float(each.mean())


def _projections(hidden: int, inner: int) -> int:
    """Query, key, value and output of one token."""
    return 4 * 2 * hidden * inner
