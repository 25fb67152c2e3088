"""The small transformer: one block over learned embeddings, in Keras 3 on any backend.

Vaswani et al., "Attention Is All You Need", 2017, as Keras' example "Text classification with
Transformer" cuts it down: token and position embeddings, one post-norm block, average pooling, one
hidden dense layer. Unlike the example it masks: padding (id 0) neither attends nor is attended to
nor enters the mean, so a text's probabilities don't depend on its neighbours in a batch.
"""

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops

from model.networks.block import TransformerBlock

PAD_ID = 0
UNKNOWN_ID = 1


@keras.saving.register_keras_serializable("newsbeam")
class WordDropout(layers.Layer):
    """Turns a share of the tokens into the unknown word while training; padding stays.

    Iyyer et al., "Deep Unordered Composition Rivals Syntactic Methods", 2015. It also gives the
    unknown word's embedding something to learn from.
    """

    def __init__(
        self, rate: float, unknown_id: int = UNKNOWN_ID, seed: int | None = None, **kwargs
    ):
        super().__init__(**kwargs)
        self.rate = rate
        self.unknown_id = unknown_id
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, token_ids, training=False):
        """``token_ids`` int32 [batch, length] -> the same, some of them unknown."""
        if not training or self.rate == 0:
            return token_ids
        drawn = keras.random.uniform(ops.shape(token_ids), seed=self.seed_generator)
        dropped = ops.logical_and(drawn < self.rate, token_ids != PAD_ID)
        return ops.where(dropped, ops.cast(self.unknown_id, token_ids.dtype), token_ids)


@keras.saving.register_keras_serializable("newsbeam")
class TokenAndPositionEmbedding(layers.Layer):
    """The sum of a token's embedding and its position's.

    Positions from ``max_tokens`` on share the last embedding: only padding lies there.
    """

    def __init__(self, vocab_size: int, max_tokens: int, embed: int, **kwargs):
        super().__init__(**kwargs)
        self.max_tokens = max_tokens
        self.token_embedding = layers.Embedding(vocab_size, embed, name="tokens")
        self.position_embedding = layers.Embedding(max_tokens, embed, name="positions")

    def build(self, input_shape):
        """Builds both tables."""
        self.token_embedding.build(input_shape)
        self.position_embedding.build(input_shape)

    def call(self, token_ids):
        """``token_ids`` int32 [batch, length] -> float [batch, length, embed]."""
        positions = ops.minimum(ops.arange(ops.shape(token_ids)[-1]), self.max_tokens - 1)
        return self.token_embedding(token_ids) + self.position_embedding(positions)


@keras.saving.register_keras_serializable("newsbeam")
class MaskedMean(layers.Layer):
    """The mean over a text's tokens; zeros where it has none."""

    def call(self, hidden, present):
        """``hidden`` [batch, length, embed], ``present`` bool [batch, length] -> [batch, embed]."""
        weights = ops.cast(present, hidden.dtype)[:, :, None]
        return ops.sum(hidden * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1)


def transformer_spec(vocab_size: int, max_tokens: int, labels: int, **settings: Any) -> dict:
    """All that rebuilds the network; ``settings`` override what is here.

    The sizes are the notebook's. Half of the words, and half of the embeddings' values, are dropped
    while training: on 14,400 AG News texts that took accuracy on 3,600 others from 0.88 to 0.91.
    """
    sizes = {
        "embed": 32,
        "heads": 2,
        "key_size": 32,
        "feed_forward": 32,
        "dense": 20,
        "dropout": 0.1,
        "word_dropout": 0.5,
        "embedding_dropout": 0.5,
    }
    return {
        "kind": "transformer",
        "vocab_size": vocab_size,
        "max_tokens": max_tokens,
        "labels": labels,
        **sizes,
        **settings,
    }


def build_transformer(spec: Mapping[str, Any]) -> keras.Model:
    """Builds the network of a spec.

    Returns:
        A model from ``token_ids`` int32 [batch, length], 0 padding, to probabilities float32
        [batch, labels].
    """
    token_ids = keras.Input([None], dtype="int32", name="token_ids")
    present = token_ids != PAD_ID
    dropped = WordDropout(spec["word_dropout"], name="word_dropout")(token_ids)
    hidden = TokenAndPositionEmbedding(
        spec["vocab_size"], spec["max_tokens"], spec["embed"], name="embeddings"
    )(dropped)
    hidden = layers.Dropout(spec["embedding_dropout"], name="embedding_dropout")(hidden)
    hidden = TransformerBlock(
        spec["embed"],
        spec["heads"],
        spec["key_size"],
        spec["feed_forward"],
        spec["dropout"],
        name="block",
    )(hidden, present)
    hidden = MaskedMean(name="mean")(hidden, present)
    hidden = layers.Dropout(spec["dropout"], name="dropout_1")(hidden)
    hidden = layers.Dense(spec["dense"], activation="relu", name="dense")(hidden)
    hidden = layers.Dropout(spec["dropout"], name="dropout_2")(hidden)
    probabilities = layers.Dense(
        spec["labels"], activation="softmax", dtype="float32", name="probabilities"
    )(hidden)
    return keras.Model(token_ids, probabilities, name="transformer")
