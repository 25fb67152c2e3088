"""Where a BERT's weights come from: a Hugging Face directory, or a KerasHub preset.

A Hugging Face directory holds `config.json`, `model.safetensors` and `vocab.txt`. KerasHub's own
reader is not used for it, only its table of weights: the reader wants DistilBERT's names with their
prefix, a pooler even where nothing pools, and reports a missing weight by a traceback.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import keras
import keras_hub
import numpy as np
import safetensors
import safetensors.numpy
from keras_hub.src.utils.transformers import convert_bert, convert_distilbert

from model.console.terminal import first_line
from model.networks import bert
from model.tokenizers.presets import PresetError, load_preset

_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}
_CONVERTERS = {"bert": convert_bert, "distilbert": convert_distilbert}
_WEIGHTS = "model.safetensors"


class CheckpointError(ValueError):
    """What is wrong with a checkpoint, in one line that says what to do."""


def load_backbone(source: str, pooling: str = "pooled") -> tuple[dict[str, Any], keras.Model]:
    """The backbone that lies in a directory or that KerasHub knows by its name.

    Args:
        source: a Hugging Face directory, a KerasHub preset folder, or a preset's name.
        pooling: what the classifier will use; the pooler may be missing where it is not used.

    Raises:
        CheckpointError: a file is missing, unreadable, or of another architecture.
    """
    if not os.path.isdir(source):
        return _load_preset(source, pooling)
    config = _read_json(source, "config.json")
    if "registered_name" in config or "class_name" in config:
        return _load_preset(source, pooling)
    spec = read_spec(source, config, pooling)
    tensors = _read_tensors(source)
    backbone = bert.build_backbone(spec)
    if spec["architecture"] == "bert" and not any("pooler" in name for name in tensors):
        if pooling == "pooled":
            raise CheckpointError(
                f"{source}: {_WEIGHTS} has no pooler (pooler.dense.weight); use --pooling mean"
            )
        dense = backbone.pooled_dense
        tensors["pooler.dense.weight"] = np.asarray(dense.kernel).T
        tensors["pooler.dense.bias"] = np.asarray(dense.bias)
    try:
        _CONVERTERS[spec["architecture"]].convert_weights(backbone, _Tensors(tensors), config)
    except KeyError as error:
        raise CheckpointError(f"{source}: {_WEIGHTS} has no weight {error.args[0]}") from error
    except ValueError as error:
        raise CheckpointError(
            f"{source}: {_WEIGHTS} does not fit config.json: {first_line(error)}"
        ) from error
    return spec, backbone


def read_spec(source: str, config: Mapping[str, Any], pooling: str = "pooled") -> dict[str, Any]:
    """What `config.json` says, as a spec.

    Raises:
        CheckpointError: it is no BERT and no DistilBERT, or one that is computed otherwise.
    """
    kind = config.get("model_type")
    if kind not in _CONVERTERS:
        raise CheckpointError(
            f"{source}: config.json says model_type {kind!r}; only bert and distilbert can be read"
        )
    old = kind == "distilbert"
    activation = config.get("activation" if old else "hidden_act", "gelu")
    positions = config.get("position_embedding_type", "absolute")
    if activation not in _ACTIVATIONS or positions != "absolute":
        raise CheckpointError(
            f"{source}: config.json says activation {activation!r} and position embedding "
            f"{positions!r}; known are {', '.join(_ACTIVATIONS)} and 'absolute'"
        )
    if config.get("pad_token_id", 0) != 0:
        raise CheckpointError(
            f"{source}: config.json says pad_token_id {config['pad_token_id']}; only 0 can pad here"
        )
    try:
        return bert.bert_spec(
            kind,
            vocabulary_size=config["vocab_size"],
            num_layers=config["n_layers" if old else "num_hidden_layers"],
            num_heads=config["n_heads" if old else "num_attention_heads"],
            hidden_dim=config["dim" if old else "hidden_size"],
            intermediate_dim=config["hidden_dim" if old else "intermediate_size"],
            max_sequence_length=config["max_position_embeddings"],
            num_segments=config.get("type_vocab_size", 2),
            activation=_ACTIVATIONS[activation],
            layer_norm_epsilon=config.get("layer_norm_eps", 1e-12),
            dropout=config.get("dropout" if old else "hidden_dropout_prob", 0.1),
            pooling=pooling,
            source=os.path.basename(os.path.abspath(source)),
        )
    except KeyError as error:
        raise CheckpointError(f"{source}: config.json has no {error.args[0]!r}") from error


class _Tensors:
    """The weights by name, as KerasHub's tables ask for them (its `SafetensorLoader`).

    Names come with the prefix of the whole model (`bert.`, `distilbert.`) or without, depending on
    the class that saved them.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray]):
        self._tensors = {
            name.removeprefix("bert.").removeprefix("distilbert."): tensor
            for name, tensor in tensors.items()
        }

    def get_tensor(self, hf_weight_key: str) -> np.ndarray:
        return self._tensors[hf_weight_key.removeprefix("distilbert.")]

    def port_weight(self, keras_variable: Any, hf_weight_key: str, hook_fn: Any = None) -> None:
        tensor = self.get_tensor(hf_weight_key).astype("float32")
        shape = list(keras_variable.shape)
        keras_variable.assign(hook_fn(tensor, shape) if hook_fn else tensor)


def _load_preset(name: str, pooling: str) -> tuple[dict[str, Any], keras.Model]:
    try:
        preset = load_preset(name, keras_hub.models.Backbone)
    except PresetError as error:
        raise CheckpointError(str(error)) from error
    kinds = {"BertBackbone": "bert", "DistilBertBackbone": "distilbert"}
    kind = kinds.get(type(preset).__name__)
    if kind is None:
        raise CheckpointError(
            f"{name}: a {type(preset).__name__}; only bert and distilbert can be read"
        )
    spec = bert.bert_spec(
        kind,
        vocabulary_size=preset.vocabulary_size,
        num_layers=preset.num_layers,
        num_heads=preset.num_heads,
        hidden_dim=preset.hidden_dim,
        intermediate_dim=preset.intermediate_dim,
        max_sequence_length=preset.max_sequence_length,
        num_segments=getattr(preset, "num_segments", 2),
        activation="gelu_tanh" if kind == "bert" else "gelu",
        dropout=preset.dropout,
        pooling=pooling,
        source=os.path.basename(name.rstrip("/")),
    )
    backbone = bert.build_backbone(spec)
    backbone.set_weights(preset.get_weights())
    return spec, backbone


def _read_tensors(source: str) -> dict[str, np.ndarray]:
    path = os.path.join(source, _WEIGHTS)
    if not os.path.exists(path):
        raise CheckpointError(
            f"{source}: no {_WEIGHTS} (pickled pytorch_model.bin files are not read)"
        )
    try:
        return safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: not readable: {first_line(error)}") from error


def _read_json(source: str, name: str) -> dict[str, Any]:
    path = os.path.join(source, name)
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError:
        raise CheckpointError(f"{source}: no {name}") from None
    except ValueError as error:
        raise CheckpointError(f"{path}: no JSON: {first_line(error)}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: no JSON object")
    return content
