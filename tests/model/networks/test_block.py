"""The transformer block, plain and folded."""

import keras
import numpy as np
import pytest

from model.networks.block import LayerNorm, TransformerBlock


def drawn_block(embed: int, heads: int, key_size: int) -> TransformerBlock:
    block = TransformerBlock(embed, heads, key_size, feed_forward=5, dropout=0.0)
    block.build((None, None, embed))
    draw = np.random.default_rng(0)
    block.set_weights([draw.normal(size=weight.shape) for weight in block.get_weights()])
    return block


@pytest.mark.parametrize(("heads", "key_size"), [(1, 4), (2, 4), (3, 7)])
def test_folded_attention_is_attention(heads, key_size):
    block = drawn_block(4, heads, key_size)
    hidden = np.random.default_rng(1).normal(size=(3, 6, 4)).astype(np.float32)
    present = np.arange(6) < np.array([[6], [4], [1]])
    assert block.folds
    plain, _ = block(hidden, present, return_attention=True)
    folded = np.asarray(block(hidden, present))
    assert np.allclose(folded[present], np.asarray(plain)[present], atol=1e-5)


def test_wide_embeddings_are_not_folded():
    block = drawn_block(4, 2, 3)
    assert not block.folds
    hidden, present = np.ones((1, 2, 4), np.float32), np.ones((1, 2), bool)
    plain, scores = block(hidden, present, return_attention=True)
    assert np.array_equal(block(hidden, present), plain)
    assert np.allclose(scores, 0.5)  # both tokens are alike


def test_while_training_attention_is_keras_own(monkeypatch):
    block = drawn_block(4, 2, 4)
    monkeypatch.setattr(block, "folded_attention", lambda *_: pytest.fail("folded"))
    block(np.ones((1, 2, 4), np.float32), np.ones((1, 2), bool), training=True)


def test_layer_norm_is_keras_own():
    inputs = np.random.default_rng(2).normal(3, 5, size=(2, 3, 8)).astype(np.float32)
    ours, theirs = LayerNorm(epsilon=1e-6), keras.layers.LayerNormalization(epsilon=1e-6)
    for layer in (ours, theirs):
        layer.build(inputs.shape)
        layer.set_weights([np.arange(8, dtype=np.float32), np.full(8, 2, np.float32)])
    assert np.allclose(ours(inputs), theirs(inputs), atol=1e-4)
