"""A BERT or DistilBERT classifier on a KerasHub backbone.

Token ids in, probabilities out: the padding mask (0 pads) and the segments (all 0) are made inside
the network, so it is called like the small transformer. `checkpoint.py` brings the weights.

Sources: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding", 2018 (arXiv:1810.04805); Sanh et al., "DistilBERT", 2019 (arXiv:1910.01108).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import keras_hub
from keras import ops

POOLINGS = ("pooled", "mean")


@dataclasses.dataclass(frozen=True)
class BertSpec:
    """All that rebuilds the network, without its weights; `bundle.json` holds it.

    Attributes:
        architecture: `bert` or `distilbert`.
        activation: of the feed-forward layers: `gelu` (exact, by erf), `gelu_tanh` or `relu`.
        dropout: inside the backbone, in attention and after each block.
        pooling: `pooled`, BERT's tanh layer on [CLS] (DistilBERT has none: [CLS] itself), or
            `mean`, the mean of the token vectors without the padding.
        head_dropout: between the features and the softmax.
        source: where the weights came from, for people.
    """

    architecture: str
    vocabulary_size: int
    num_layers: int
    num_heads: int
    hidden_dim: int
    intermediate_dim: int
    max_sequence_length: int = 512
    num_segments: int = 2
    activation: str = "gelu"
    layer_norm_epsilon: float = 1e-12
    dropout: float = 0.1
    pooling: str = "pooled"
    head_dropout: float = 0.1
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        """The spec as it stands in `bundle.json`."""
        return {"kind": "bert", **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, spec: dict[str, Any]) -> BertSpec:
        """The spec that `to_json` wrote."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in spec.items() if name in names})


def build_backbone(spec: BertSpec) -> keras.Model:
    """A KerasHub backbone with fresh weights, computing what the checkpoint's own code computes.

    KerasHub hard-codes the tanh form of GELU for BERT, the exact one for DistilBERT, and 1e-12 in
    the layer norms. What the spec says is put in here; its layers read both at each call.
    """
    sizes = {
        "vocabulary_size": spec.vocabulary_size,
        "num_layers": spec.num_layers,
        "num_heads": spec.num_heads,
        "hidden_dim": spec.hidden_dim,
        "intermediate_dim": spec.intermediate_dim,
        "max_sequence_length": spec.max_sequence_length,
        "dropout": spec.dropout,
    }
    if spec.architecture == "distilbert":
        backbone = keras_hub.models.DistilBertBackbone(**sizes, name="backbone")
    else:
        backbone = keras_hub.models.BertBackbone(
            **sizes, num_segments=spec.num_segments, name="backbone"
        )
    backbone.embeddings_layer_norm.epsilon = spec.layer_norm_epsilon
    for layer in backbone.transformer_layers:
        layer._feedforward_intermediate_dense.activation = _ACTIVATIONS[spec.activation]
        layer._self_attention_layer_norm.epsilon = spec.layer_norm_epsilon
        layer._feedforward_layer_norm.epsilon = spec.layer_norm_epsilon
    return backbone


def build_classifier(
    spec: BertSpec, labels: int, backbone: keras.Model | None = None, frozen: bool = False
) -> keras.Model:
    """`token_ids: int32[batch, length]`, 0 pads -> `probabilities: float32[batch, labels]`.

    Args:
        spec: what to build.
        labels: how many labels.
        backbone: with its weights, else a fresh one.
        frozen: the backbone isn't trained, and its dropout is off: its features never change.
    """
    backbone = build_backbone(spec) if backbone is None else backbone
    backbone.trainable = not frozen
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    features = pool(spec, run_backbone(backbone, token_ids, frozen=frozen), token_ids)
    probabilities = build_head(spec, labels)(features)
    return keras.Model(token_ids, probabilities, name="bert_classifier")


def build_head(spec: BertSpec, labels: int) -> keras.Model:
    """`features: [batch, hidden]` -> `probabilities: float32[batch, labels]`."""
    features = keras.Input((spec.hidden_dim,), name="features")
    dropped = keras.layers.Dropout(spec.head_dropout, name="head_dropout")(features)
    softmax = keras.layers.Dense(labels, activation="softmax", dtype="float32", name="softmax")
    return keras.Model(features, softmax(dropped), name="head")


def run_backbone(backbone: keras.Model, token_ids: Any, frozen: bool = False) -> Any:
    """The backbone's outputs for ids that 0 pads, all of one segment."""
    inputs = {"token_ids": token_ids, "padding_mask": ops.cast(token_ids != 0, "int32")}
    if "segment_ids" in backbone.input:
        inputs["segment_ids"] = ops.zeros_like(token_ids)
    return backbone(inputs, training=False) if frozen else backbone(inputs)


def pool(spec: BertSpec, outputs: Any, token_ids: Any) -> Any:
    """One vector a text, `[batch, hidden]`, of what the backbone gave."""
    vectors = outputs["sequence_output"] if isinstance(outputs, dict) else outputs
    if spec.pooling == "mean":
        return keras.layers.GlobalAveragePooling1D(name="mean")(vectors, mask=token_ids != 0)
    return outputs["pooled_output"] if isinstance(outputs, dict) else vectors[:, 0, :]


def _exact_gelu(x: Any) -> Any:
    return keras.activations.gelu(x, approximate=False)


def _tanh_gelu(x: Any) -> Any:
    return keras.activations.gelu(x, approximate=True)


_ACTIVATIONS = {"gelu": _exact_gelu, "gelu_tanh": _tanh_gelu, "relu": keras.activations.relu}
