"""Peer 5, the machine: the best rate of matrix products that any library here reaches.

And what the bundle's network would do at that rate if its arithmetic were all there is.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.arithmetic import document_flops
from benchmarks.peers.common import read_texts

# Precision and size -> what makes a product; None where the library has no such precision.
Library = Callable[[str, int], Callable[[], Any] | None]

SIZES = (1024, 2048)
SECONDS = 1.0
MOST_ROWS = 20_000


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Rates in operations a second, and the operations of one document of the corpus."""
    from model.bundle.load import load_bundle
    from model.engines.processor import no_bfloat16
    from model.tokenizers.tokenizer import Tokenizer

    bundle = load_bundle(options.model)
    rows = min(options.rows or MOST_ROWS, MOST_ROWS)
    _, texts = read_texts(options.input, bundle.text_columns, rows)
    lengths = np.diff(Tokenizer(bundle.transform_dir)(texts)[0].offsets.to_numpy())
    return {
        "rows": len(lengths),
        "tokens": float(lengths.mean()),
        "flops": document_flops(bundle.model, lengths, is_served=True),
        "rates": {precision: best_rate(precision) for precision in ("float32", "bfloat16")},
        "has_bfloat16": no_bfloat16() is None,
    }


def best_rate(precision: str) -> float | None:
    """The best rate over libraries and sizes, operations a second; None: no library has it."""
    rates: list[float] = []
    for library in _libraries():
        for size in SIZES:
            product = library(precision, size)
            if product is None:
                break
            rates.append(_rate(product, size))
            if 2 * size**3 / rates[-1] > SECONDS / 4:
                break  # a larger product would take seconds: bfloat16 without units for it
    return max(rates, default=None)


def _rate(product: Callable[[], Any], size: int) -> float:
    """The fastest of the products that fit a second; the first of them is not counted."""
    product()
    best, end = float("inf"), time.perf_counter() + SECONDS
    while True:
        started = time.perf_counter()
        product()
        best = min(best, time.perf_counter() - started)
        if time.perf_counter() > end:
            return 2 * size**3 / best


def _libraries() -> list[Library]:
    libraries: list[Library] = [_numpy_product]
    if importlib.util.find_spec("torch") is not None:
        libraries.append(_torch_product)
    return libraries


def _numpy_product(precision: str, size: int) -> Callable[[], Any] | None:
    if precision != "float32":
        return None
    draw = np.random.default_rng(0)
    one, other = (draw.normal(size=(size, size)).astype(np.float32) for _ in range(2))
    result = np.empty_like(one)
    return lambda: np.matmul(one, other, out=result)


def _torch_product(precision: str, size: int) -> Callable[[], Any] | None:
    import torch

    one, other = (torch.randn(size, size).to(getattr(torch, precision)) for _ in range(2))
    result = torch.empty_like(one)
    return lambda: torch.matmul(one, other, out=result)
