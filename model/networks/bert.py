"""A BERT or DistilBERT classifier on a KerasHub backbone.

Token ids in, probabilities out: the padding mask (0 pads) and the segments (all 0) are made inside
the network, so it is called like the small transformer. `training/hugging_face.py` brings the
weights.

Sources: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding", 2018 (arXiv:1810.04805); Sanh et al., "DistilBERT", 2019 (arXiv:1910.01108).
"""

from collections.abc import Mapping
from typing import Any

import keras
import keras_hub
from keras import layers, ops

PAD_ID = 0
SIZES = (
    "vocabulary_size",
    "num_layers",
    "num_heads",
    "hidden_dim",
    "intermediate_dim",
    "max_sequence_length",
    "dropout",
)


def bert_spec(architecture: str, **settings: Any) -> dict[str, Any]:
    """All that rebuilds the network but its weights; `bundle.json` holds it.

    Args:
        architecture: `bert` or `distilbert`.
        **settings: `SIZES` as KerasHub names them, and, where they differ from BERT's own,
            `num_segments`; `activation` of the feed-forward layers: `gelu` (exact, by erf),
            `gelu_tanh` or `relu`; `layer_norm_epsilon`; `pooling`: `pooled`, BERT's tanh layer on
            [CLS] (DistilBERT has none: [CLS] itself), or `mean`, the mean of the token vectors;
            `head_dropout`, between that and the softmax; `labels`, how many; `source`, where the
            weights came from.
    """
    return {
        "kind": "bert",
        "architecture": architecture,
        "max_sequence_length": 512,
        "num_segments": 2,
        "activation": "gelu",
        "layer_norm_epsilon": 1e-12,
        "dropout": 0.1,
        "pooling": "pooled",
        "head_dropout": 0.1,
        **settings,
    }


def build_backbone(spec: Mapping[str, Any]) -> keras.Model:
    """A KerasHub backbone with fresh weights, computing what the checkpoint's own code computes.

    KerasHub hard-codes the tanh form of GELU for BERT, the exact one for DistilBERT, and 1e-12 in
    the layer norms. What the spec says is put in here; the layers look it up at each call.
    """
    sizes = {name: spec[name] for name in SIZES}
    if spec["architecture"] == "distilbert":
        backbone = keras_hub.models.DistilBertBackbone(**sizes, name="backbone")
    else:
        backbone = keras_hub.models.BertBackbone(
            **sizes, num_segments=spec["num_segments"], name="backbone"
        )
    norms = [backbone.embeddings_layer_norm]
    for layer in backbone.transformer_layers:
        layer._feedforward_intermediate_dense.activation = _ACTIVATIONS[spec["activation"]]
        norms += [layer._self_attention_layer_norm, layer._feedforward_layer_norm]
    for norm in norms:
        norm.epsilon = spec["layer_norm_epsilon"]
    return backbone


def build_bert(
    spec: Mapping[str, Any], backbone: keras.Model | None = None, frozen: bool = False
) -> keras.Model:
    """Builds the classifier of a spec.

    Args:
        spec: what `bert_spec` gives, `labels` among it.
        backbone: with its weights; a fresh one if None.
        frozen: the backbone isn't trained; see `model.data.features` for how its head is.

    Returns:
        A model from `token_ids` int32 [batch, length], 0 padding, to probabilities float32
        [batch, labels]; its layer `head` makes them of the features, float [batch, hidden].
    """
    backbone = build_backbone(spec) if backbone is None else backbone
    backbone.trainable = not frozen
    if spec["pooling"] == "mean" and hasattr(backbone, "pooled_dense"):
        backbone.pooled_dense.trainable = False
    token_ids = keras.Input([None], dtype="int32", name="token_ids")
    features = pool(spec, run_backbone(backbone, token_ids), token_ids)
    return keras.Model(token_ids, _head(spec)(features), name="bert")


def run_backbone(backbone: keras.Model, token_ids: Any) -> Any:
    """The backbone's outputs for `token_ids` int32 [batch, length], all of one segment."""
    inputs = {"token_ids": token_ids, "padding_mask": ops.cast(token_ids != PAD_ID, "int32")}
    if "segment_ids" in backbone.input:
        inputs["segment_ids"] = ops.zeros_like(token_ids)
    return backbone(inputs)


def pool(spec: Mapping[str, Any], outputs: Any, token_ids: Any) -> Any:
    """The features of a text, float [batch, hidden], from what the backbone gave."""
    vectors = outputs["sequence_output"] if isinstance(outputs, dict) else outputs
    if spec["pooling"] == "mean":
        return layers.GlobalAveragePooling1D(name="mean")(vectors, mask=token_ids != PAD_ID)
    return outputs["pooled_output"] if isinstance(outputs, dict) else vectors[:, 0, :]


def features_of(network: keras.Model) -> keras.Model:
    """The part of a classifier before its head: token ids -> features float [batch, hidden]."""
    (node,) = network.get_layer("head")._inbound_nodes[-1:]
    return keras.Model(network.input, node.input_tensors[0], name="features")


def _head(spec: Mapping[str, Any]) -> keras.Model:
    features = keras.Input([spec["hidden_dim"]], name="features")
    hidden = layers.Dropout(spec["head_dropout"], name="head_dropout")(features)
    softmax = layers.Dense(spec["labels"], activation="softmax", dtype="float32", name="softmax")
    return keras.Model(features, softmax(hidden), name="head")


def _exact_gelu(x):
    return keras.activations.gelu(x, approximate=False)


def _tanh_gelu(x):
    return keras.activations.gelu(x, approximate=True)


_ACTIVATIONS = {"gelu": _exact_gelu, "gelu_tanh": _tanh_gelu, "relu": keras.activations.relu}
