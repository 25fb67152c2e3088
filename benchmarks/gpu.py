"""Training and scoring on a GPU, with Keras on JAX; TensorFlow isn't needed.

    python -m pip install "jax[cuda12]" keras keras-hub numpy pyarrow safetensors tqdm psutil
    python -m benchmarks.gpu --output benchmarks/results

Networks of random weights, for speed does not depend on what they have learned; texts of random
tokens, as long as AG News' are. Each is trained (`fit`, mixed bfloat16, AdamW) and scores, once in
batches of texts of one length (`model.data.batches`), once with everything padded to the
maximum. The share is that of the card's own matrix rate in bfloat16, by the arithmetic of the real
tokens: a training step counts three times the forward pass. Without a card it says so and is
skipped.
"""

import argparse
import functools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

# Lengths of AG News' training texts at every twentieth quantile: in words, and in WordPieces.
WORDS = (10, 23, 26, 28, 30, 31, 33, 34, 35, 36, 37, 38, 39, 40, 41, 43, 44, 46, 48, 53, 171)
PIECES = (19, 31, 35, 38, 41, 43, 45, 46, 48, 49, 51, 52, 54, 56, 57, 59, 62, 65, 70, 83, 128)
NETWORKS = ("small", "minilm", "bert-base")
BATCHES = {"small": 4096, "minilm": 1024, "bert-base": 512}
STEPS = 40
MATRIX = 8192


def spec_of(name: str) -> dict[str, Any]:
    """The spec of a network, its sizes those of the checkpoint of that name."""
    if name == "small":
        from model.networks.transformer import transformer_spec

        return transformer_spec(20_000, 256, 4)
    from model.networks.bert import bert_spec

    sizes = {"minilm": (6, 384, 1536), "bert-base": (12, 768, 3072)}[name]
    names = ("num_layers", "hidden_dim", "intermediate_dim")
    settings = dict(zip(names, sizes, strict=True))
    return bert_spec("bert", vocabulary_size=30_522, num_heads=12, labels=4, **settings)


def draw_examples(spec: Mapping[str, Any], count: int, seed: int = 0) -> Any:
    """Texts of random tokens, as long as AG News' are.

    Returns:
        `model.data.examples.Examples`.
    """
    from model.data.examples import Examples

    draw = np.random.default_rng(seed)
    is_small = spec["kind"] == "transformer"
    quantiles, words = (
        (WORDS, spec["vocab_size"]) if is_small else (PIECES, spec["vocabulary_size"])
    )
    places = np.linspace(0, 1, len(quantiles))
    lengths = np.interp(draw.random(count), places, quantiles).round().astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = draw.integers(2, words, offsets[-1]).astype(np.int32)
    labels = draw.integers(0, spec["labels"], count).astype(np.int32)
    hashes = draw.integers(0, 1 << 63, count, np.uint64)
    return Examples(values, offsets, labels, hashes, spec["labels"])


def batches_of(examples: Any, batch_size: int, longest: int | None) -> Any:
    """Batches that are the same in every epoch: of one length each, or all padded to `longest`."""
    from model.data.batches import LengthGroupedBatches

    class Fixed(LengthGroupedBatches):
        def __getitem__(self, index):
            token_ids, *learned = super().__getitem__(index)
            if longest is not None:
                token_ids = np.pad(token_ids, ((0, 0), (0, longest - token_ids.shape[1])))
            return token_ids, *learned

        def on_epoch_end(self):
            """Keeps the batches, so that what was compiled for the first epoch does."""

    return Fixed(examples, batch_size, seed=0)


def matrix_rate(size: int = MATRIX, repeats: int = 10) -> float:
    """The best rate of a bfloat16 matrix product on the device, operations a second."""
    import jax
    import jax.numpy as jnp

    keys = jax.random.split(jax.random.key(0))
    one, other = (jax.random.normal(key, (size, size), jnp.bfloat16) for key in keys)
    product = jax.jit(lambda a, b: a @ b)
    product(one, other).block_until_ready()
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        results = [product(one, other) for _ in range(4)]
        results[-1].block_until_ready()
        best = min(best, (time.perf_counter() - started) / 4)
    return 2 * size**3 / best


def measure_network(spec: Mapping[str, Any], batch_size: int, steps: int) -> dict[str, float]:
    """Documents a second of training and scoring, length-grouped and padded.

    Args:
        spec: of the network.
        batch_size: texts in a batch.
        steps: batches that are timed.

    Returns:
        `train_grouped`, `train_padded`, `score_grouped`, `score_padded`, documents a second; and
        `flops`, operations of one document's forward pass.
    """
    import keras

    from benchmarks.arithmetic import document_flops
    from model.networks.registry import build_network
    from model.training.recipes import finetune

    examples = draw_examples(spec, steps * batch_size)
    longest = spec["max_tokens"] if spec["kind"] == "transformer" else max(PIECES)
    rates = {"flops": document_flops(spec, examples.lengths)}
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = finetune(build_network(spec), 4 * steps, 2e-5)
    for name, width in (("grouped", None), ("padded", longest)):
        batches = batches_of(examples, batch_size, width)
        train = functools.partial(network.fit, batches, shuffle=False, verbose=0)
        rates[f"train_{name}"] = _rate(len(examples), train)
        rates[f"score_{name}"] = _rate(len(examples), _scoring(network, batches))
    return rates


def _scoring(network: Any, batches: Any) -> Callable[[], None]:
    import jax

    weights = [v.value for v in network.trainable_variables]
    others = [v.value for v in network.non_trainable_variables]

    @jax.jit
    def forward(weights, others, token_ids):
        return network.stateless_call(weights, others, token_ids, training=False)[0]

    def score() -> None:
        results = [forward(weights, others, batches[i][0]) for i in range(len(batches))]
        jax.block_until_ready(results)

    return score


def _rate(rows: int, work: Callable[[], Any]) -> float:
    """Rows a second; the first time, in which everything is compiled, isn't counted."""
    work()
    started = time.perf_counter()
    work()
    return rows / (time.perf_counter() - started)


def table(card: str, rate: float, measured: Mapping[str, Mapping[str, float]]) -> str:
    """The Markdown table."""
    lines = [
        f"{card}, {rate / 1e12:,.0f} TFLOP/s in bfloat16 matrix products.",
        "",
        "| network | work | documents a second, length-grouped | padded | grouped over padded | "
        "share of the matrix rate |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, rates in measured.items():
        for work, passes in (("train", 3), ("score", 1)):
            grouped, padded = rates[f"{work}_grouped"], rates[f"{work}_padded"]
            share = grouped * passes * rates["flops"] / rate
            lines.append(
                f"| {name} | {work} | {grouped:,.0f} | {padded:,.0f} | {grouped / padded:.2f} | "
                f"{share:.2f} |"
            )
    return "\n".join(lines)


def card() -> str | None:
    """The GPU's name, or None."""
    try:
        import jax

        devices = jax.devices("gpu")
    except (ImportError, RuntimeError):
        return None
    return devices[0].device_kind


def main() -> int:
    """Runs the command line; returns the exit code."""
    flags = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__)
    flags.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    flags.add_argument("--steps", type=int, default=STEPS, help="batches that are timed")
    flags.add_argument("--batch_size", type=int, help="default: by network")
    flags.add_argument("--output", type=Path, help="folder of gpu.json and gpu.md")
    options = flags.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    name = card()
    if name is None:
        print("JAX finds no GPU here: skipped")
        return 0
    rate = matrix_rate()
    measured = {
        network: measure_network(
            spec_of(network), options.batch_size or BATCHES[network], options.steps
        )
        for network in options.networks
    }
    text = table(name, rate, measured)
    print(text)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "gpu.md").write_text(text + "\n", encoding="utf-8")
        results = {"card": name, "bfloat16_rate": rate, "networks": measured}
        (options.output / "gpu.json").write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
