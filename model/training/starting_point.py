"""What a training starts from: the network, its precision and the device."""

import argparse
import contextlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import keras

from model.bundle.load import transform_dir
from model.tokenizers.vocabularies import read_pieces


def starting_point(
    options: argparse.Namespace,
    description: dict[str, Any],
    dropouts: Mapping[str, float] = MappingProxyType({}),
) -> tuple[dict[str, Any], Any]:
    """The network that the options ask for, as training finds it, and its spec.

    Args:
        options: Of the command line.
        description: What `prepared.json` holds.
        dropouts: Of a transformer, where they are not those of its spec.

    Raises:
        ValueError: The backbone cannot be read, or the data were not prepared for it.
    """
    labels, max_tokens = len(description["labels"]), description["max_tokens"]
    vocab_size = description["tokenizer"]["vocab_size"]
    if options.model == "transformer":
        from model.networks.registry import build_network
        from model.networks.transformer import transformer_spec

        spec = transformer_spec(vocab_size, max_tokens, labels, **dropouts)
        return spec, build_network(spec)

    from model.networks.bert import build_bert
    from model.networks.smaller import smaller_backbone
    from model.training.backbones import kept_rows, load_backbone

    if not options.backbone:
        raise ValueError(
            "--model bert needs --backbone: a Hugging Face folder, KerasHub preset or bundle"
        )
    spec, backbone = load_backbone(options.backbone, options.pooling)
    tokenizer = description["tokenizer"]
    if tokenizer["kind"] != "wordpiece" or vocab_size > spec["vocabulary_size"]:
        raise ValueError(
            f"{options.prepared} was not prepared for {options.backbone}: prepare it again with "
            f"--tokenizer wordpiece --backbone {options.backbone}"
        )
    if max_tokens > spec["max_sequence_length"]:
        raise ValueError(
            f"{options.backbone} takes {spec['max_sequence_length']} tokens: prepare the data "
            f"again with --max_tokens {spec['max_sequence_length']} or less"
        )
    if options.layers is not None and options.layers > spec["num_layers"]:
        raise ValueError(
            f"--layers {options.layers}: {options.backbone} has {spec['num_layers']} layers"
        )
    rows = positions = None
    if "trimmed_from" in tokenizer:
        pieces = read_pieces(transform_dir(options.prepared))
        rows, positions = kept_rows(options.backbone, pieces), max_tokens
    if rows is not None or options.layers is not None:
        spec, backbone = smaller_backbone(
            spec, backbone, layers=options.layers, rows=rows, positions=positions
        )
    spec = {**spec, "labels": labels}
    return spec, build_bert(spec, backbone, frozen=options.recipe == "frozen")


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Builds what is built inside in a precision, as `keras.config.set_dtype_policy` has it."""
    outside = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(outside)


def device_name(backend: str) -> str:
    """`cpu`, or what the GPU calls itself."""
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return "cpu" if device.platform == "cpu" else device.device_kind
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    if not devices:
        return "cpu"
    return tf.config.experimental.get_device_details(devices[0]).get("device_name", "gpu")
