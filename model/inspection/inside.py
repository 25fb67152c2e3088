"""Looks inside a trained network: its attention, and what each token does to the answer.

TensorFlow backend only: gradients are taken with `tf.GradientTape`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from model.networks.calibration import calibrated

STEPS = 128
CHUNK = 32


@dataclasses.dataclass(frozen=True)
class Inside:
    """What went on in a network while it read one text of n tokens.

    Attributes:
        probabilities: float32 [labels].
        attention: float32 [layers, heads, n, n]: how much each token (second last axis) looked at
            each (last axis); its rows add up to 1.
        influence: float64 [n], what each token added to the probability of `label`.
        baseline: the probability of `label` for the baseline, which is the text without its words.
        label: the index that `influence` is about.
    """

    probabilities: np.ndarray
    attention: np.ndarray
    influence: np.ndarray
    baseline: float
    label: int


def look_inside(
    spec: Mapping[str, Any],
    network: keras.Model,
    token_ids: np.ndarray,
    special: np.ndarray,
    label: int | None = None,
    steps: int = STEPS,
) -> Inside:
    """Runs a network on one text.

    Args:
        spec: the network's.
        network: with its weights.
        token_ids: int32 [n], none of them 0.
        special: bool [n], which tokens are special ones ([CLS], [SEP]); they stay in the baseline.
        label: what to explain; None is the most probable label.
        steps: of the integral.
    """
    opened: Any = _Calibrated(_OPENERS[spec["kind"]](spec, network), spec.get("calibration"))
    ids = ops.convert_to_tensor(token_ids[None, :].astype(np.int32))
    vectors = opened.embed(ids)
    probabilities, attention = opened.run(vectors, ids)
    chosen = int(np.argmax(probabilities[0])) if label is None else label
    baseline = vectors * ops.cast(special, vectors.dtype)[None, :, None]
    return Inside(
        probabilities=np.asarray(probabilities)[0],
        attention=np.stack([np.asarray(layer)[0] for layer in attention]),
        influence=integrated_gradients(opened, vectors, baseline, ids, chosen, steps),
        baseline=float(opened.run(baseline, ids)[0][0, chosen]),
        label=chosen,
    )


def integrated_gradients(
    opened: Any, vectors: Any, baseline: Any, token_ids: Any, label: int, steps: int
) -> np.ndarray:
    """What each token adds to a label's probability on the way from the baseline to the text.

    Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", 2017, equation 1, with
    the zero vector for a word that isn't there, as they have it for text. By their axiom of
    completeness the sum over the tokens is the difference of the two probabilities; the integral
    is taken by the midpoint rule.

    Args:
        opened: the network, with `run`.
        vectors: float32 [1, n, hidden], the tokens' embeddings.
        baseline: the same, without the words.
        token_ids: int32 [1, n].
        label: whose probability.
        steps: of the integral.

    Returns:
        float64 [n].
    """
    import tensorflow as tf

    along = (np.arange(steps, dtype=np.float32) + 0.5) / steps
    total = np.zeros(vectors.shape[1:], np.float64)
    for start in range(0, steps, CHUNK):
        part = along[start : start + CHUNK, None, None]
        points = baseline + part * (vectors - baseline)
        with tf.GradientTape() as tape:
            tape.watch(points)
            ids = tf.repeat(token_ids, len(part), axis=0)
            answer = tf.reduce_sum(opened.run(points, ids)[0][:, label])
        total += np.asarray(tape.gradient(answer, points), np.float64).sum(axis=0)
    return (total / steps * np.asarray(vectors - baseline)[0]).sum(axis=-1)


class _Calibrated:
    """A network with its calibration, so that what is explained is what scoring says."""

    def __init__(self, opened: Any, calibration: Mapping[str, Any] | None):
        self._opened = opened
        self._calibration = calibration
        self.embed = opened.embed

    def run(self, vectors: Any, token_ids: Any) -> tuple[Any, list[Any]]:
        probabilities, attention = self._opened.run(vectors, token_ids)
        return calibrated(probabilities, self._calibration, ops), attention


class _Bert:
    def __init__(self, spec: Mapping[str, Any], network: keras.Model):
        self._spec = spec
        self._backbone = network.get_layer("backbone")
        self._head = network.get_layer("head")

    def embed(self, token_ids: Any) -> Any:
        return self._backbone.token_embedding(token_ids)

    def run(self, vectors: Any, token_ids: Any) -> tuple[Any, list[Any]]:
        from model.networks.bert import PAD_ID, pool

        backbone, attention = self._backbone, []
        if self._spec["architecture"] == "distilbert":
            hidden = vectors + backbone.embeddings.position_embedding(vectors)
        else:
            segments = backbone.segment_embedding(ops.zeros_like(token_ids))
            hidden = vectors + backbone.position_embedding(vectors) + segments
        hidden = backbone.embeddings_layer_norm(hidden)
        for layer in backbone.transformer_layers:
            hidden, scores = layer(
                hidden, padding_mask=token_ids != PAD_ID, return_attention_scores=True
            )
            attention.append(scores)
        outputs = hidden
        if self._spec["architecture"] == "bert":
            pooled = backbone.pooled_dense(hidden[:, 0, :])
            outputs = {"sequence_output": hidden, "pooled_output": pooled}
        return self._head(pool(self._spec, outputs, token_ids)), attention


class _Transformer:
    def __init__(self, spec: Mapping[str, Any], network: keras.Model):
        self._network = network

    def embed(self, token_ids: Any) -> Any:
        return self._network.get_layer("embeddings").token_embedding(token_ids)

    def run(self, vectors: Any, token_ids: Any) -> tuple[Any, list[Any]]:
        layer = self._network.get_layer
        present = token_ids != 0
        positions = ops.arange(token_ids.shape[1])
        hidden = vectors + layer("embeddings").position_embedding(positions)
        hidden, scores = layer("block")(hidden, present, return_attention=True)
        hidden = layer("dense")(layer("mean")(hidden, present))
        return layer("probabilities")(hidden), [scores]


_OPENERS: dict[str, Any] = {"bert": _Bert, "transformer": _Transformer}
