"""Which engine runs a network, in which precision and in how large batches."""

import importlib.util
from typing import NamedTuple

from model.engines.processor import has_gpu

PRECISIONS = ("float32", "bfloat16")


class EngineChoice(NamedTuple):
    """What the plan keeps of an engine, since all of it moves the scores a little.

    Attributes:
        name: `tensorflow` or `openvino`.
        precision: `float32` or `bfloat16`.
        batch_tokens: rows times padded length of a batch, at the most.
    """

    name: str
    precision: str
    batch_tokens: int


# Measured on two cores: batches that leave a core's cache are slower (a BERT by a third), smaller
# ones cost more calls; the wider a network, the fewer of its tokens fill a cache.
BATCH_TOKENS = {"openvino": 8192, "tensorflow": 16384}
BERT_BATCH_TOKENS = 1024
GPU_BATCH_TOKENS = 16384


def choose_engine(
    kind: str,
    name: str = "auto",
    batch_tokens: int | None = None,
    on_gpu: bool | None = None,
    precision: str = "float32",
) -> EngineChoice:
    """Settles engine and token budget.

    OpenVINO where it is installed, on any processor; TensorFlow where there is a GPU or no
    OpenVINO. The precision is never chosen: in bfloat16 a few labels are others, and labels must
    not depend on the processor.

    Args:
        kind: of the network, as the bundle's spec has it.
        name: the engine that was asked for.
        batch_tokens: the budget that was asked for.
        on_gpu: whether the workers have one; None: if this machine has.
        precision: `float32`, or `bfloat16` if that was asked for.

    Raises:
        ValueError: if the engine that was asked for isn't installed, or lacks the precision.
    """
    installed = importlib.util.find_spec("openvino") is not None
    on_gpu = has_gpu() if on_gpu is None else on_gpu
    if name == "openvino" and not installed:
        raise ValueError("OpenVINO is not installed: pip install 'newsbeam[openvino]'")
    if name == "auto":
        name = "openvino" if installed and not on_gpu else "tensorflow"
    if name == "tensorflow" and precision != "float32":
        raise ValueError(f"TensorFlow scores in float32 only; {precision} needs --engine openvino")
    measured = BERT_BATCH_TOKENS if kind == "bert" else BATCH_TOKENS[name]
    if name == "tensorflow" and on_gpu:
        measured = GPU_BATCH_TOKENS
    return EngineChoice(name, precision, batch_tokens or measured)
