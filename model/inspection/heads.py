"""Attention heads as pictures and in words."""

import base64
import io
from typing import Any

import numpy as np

ACCENT = (45, 110, 220)  # reads well on white and on near-black


def heat_map(matrix: np.ndarray, tokens: list[str], layer: int, head: int) -> dict[str, Any]:
    """A head's attention as an image of a pixel a cell, and in words.

    The cells are one colour, and the more opaque the stronger, so that the map reads on a light
    page and on a dark one. The square root brings out the weak ones.

    Args:
        matrix: float [n, n], from (row) and to (column) a token; rows add up to 1.
        tokens: n of them.
        layer: from 1.
        head: from 1.
    """
    from matplotlib.image import imsave

    opacity = np.sqrt(matrix / max(float(matrix.max()), 1e-9))
    pixels = np.empty((*matrix.shape, 4), np.uint8)
    pixels[..., :3] = ACCENT
    pixels[..., 3] = np.round(opacity * 255)
    png = io.BytesIO()
    imsave(png, pixels, format="png")
    row, column = np.unravel_index(int(matrix.argmax()), matrix.shape)
    target, share = habit(matrix, tokens)
    return {
        "id": f"layer-{layer}-head-{head}",
        "layer": layer,
        "head": head,
        "image": "data:image/png;base64," + base64.b64encode(png.getvalue()).decode(),
        "habit": f"{100 * share:.0f} % {target}",
        "strongest": f"“{tokens[row]}” to “{tokens[column]}”, {100 * matrix[row, column]:.0f} %",
    }


def habit(matrix: np.ndarray, tokens: list[str]) -> tuple[str, float]:
    """Where a head looks mostly, of the places that heads are known to look at.

    Clark et al., "What Does BERT Look At?", 2019 (arXiv:1906.04341), section 3.

    Returns:
        The place in words, and the share of the attention that it gets.
    """
    n = len(tokens)
    shares = {
        "on the token itself": np.trace(matrix) / n,
        "on the token before": np.trace(matrix, offset=-1) / n,
        "on the next token": np.trace(matrix, offset=1) / n,
    }
    for token in dict.fromkeys(tokens):
        columns = [place for place, other in enumerate(tokens) if other == token]
        shares[f"on “{token}”"] = matrix[:, columns].sum() / n
    place = max(shares, key=lambda name: shares[name])
    return place, float(shares[place])
