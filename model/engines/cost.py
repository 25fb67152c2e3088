"""What a row costs to score, roughly: enough to share work out evenly, for no promise."""

from collections.abc import Mapping
from typing import Any

TOKENS = 128  # of a text, at the most: news are short, and batches hardly padded
CPU_FLOP_SECOND = 50e9  # one core in float32; measured with MiniLM: 120e9 where AVX-512 is
GPU_FLOP_SECOND = 5e12
WARM_UP = 32  # texts that are labelled before the clock runs: engines compile at first sight


def row_seconds(spec: Mapping[str, Any], max_tokens: int, on_gpu: bool) -> float:
    """Estimates the seconds that one core, or a GPU, takes for one text.

    Counted are the multiplications of the layers: 2 FLOP for each weight and token.

    Args:
        spec: the network, as `bundle.json` has it.
        max_tokens: ids of a text that the model sees.
        on_gpu: whether it runs on one.

    Returns:
        Seconds; 0 for a network of an unknown kind.
    """
    if spec["kind"] == "bert":
        width, inner, layers = spec["hidden_dim"], spec["intermediate_dim"], spec["num_layers"]
        projected = width
    elif spec["kind"] == "transformer":
        width, inner, layers = spec["embed"], spec["feed_forward"], 1
        projected = spec["heads"] * spec["key_size"]
    else:
        return 0.0
    weights = layers * (4 * width * projected + 2 * width * inner)
    flop = 2 * weights * min(max_tokens, TOKENS)
    return flop / (GPU_FLOP_SECOND if on_gpu else CPU_FLOP_SECOND)
