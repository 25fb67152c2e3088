"""The small transformer: its sizes, its mask, its layers."""

import numpy as np
import pytest

from model.networks.transformer import (
    TokenAndPositionEmbedding,
    WordDropout,
    build_transformer,
    transformer_spec,
)
from toys import toy_network


@pytest.fixture(scope="module")
def network():
    return toy_network()[0]


def test_parameter_counts_are_the_notebooks():
    network = build_transformer(transformer_spec(20_000, 256, 4))
    counts = {layer.name: layer.count_params() for layer in network.layers}
    assert counts["embeddings"] == 648_192
    assert counts["block"] == 10_656
    assert counts["dense"] == 660
    assert counts["probabilities"] == 84
    assert network.count_params() == 659_592
    assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == 659_592


def test_sizes_are_the_notebooks():
    network = build_transformer(transformer_spec(20_000, 256, 4))
    block = network.get_layer("block")
    assert block.attention.num_heads == 2
    assert block.attention.key_dim == 32
    assert block.expand.units == 32
    assert block.norm_1.epsilon == block.norm_2.epsilon == 1e-6


def test_probabilities(network):
    probabilities = np.asarray(network(np.array([[2, 3, 6], [7, 1, 0]], np.int32)))
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (2, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert probabilities.argmax(axis=1).tolist() == [2, 1]  # Sports, Sci/Tech


def test_padding_and_neighbours_change_nothing(network):
    texts = [[2, 3, 6], [7], [5, 5, 2, 5, 1, 9, 8, 4, 3, 2, 2, 2, 3, 4, 5, 6], []]
    alone = [np.asarray(network(np.array([text or [0]], np.int32)))[0] for text in texts]
    for width in (16, 24, 64):
        batch = np.zeros((4, width), np.int32)
        for row, text in zip(batch, texts, strict=True):
            row[: len(text)] = text
        np.testing.assert_allclose(network(batch), alone, atol=1e-5)
        np.testing.assert_allclose(network(batch[::-1]), alone[::-1], atol=1e-5)


def test_order_of_words_counts(network):
    one, other = np.asarray(network(np.array([[2, 3, 4], [4, 3, 2]], np.int32)))
    assert np.abs(one - other).max() > 1e-4


def test_positions_beyond_the_last_share_its_embedding():
    layer = TokenAndPositionEmbedding(10, 4, 3)
    embedded = np.asarray(layer(np.full((1, 6), 5, np.int32)))[0]
    assert np.abs(embedded[3] - embedded[2]).max() > 0
    np.testing.assert_array_equal(embedded[4], embedded[3])
    np.testing.assert_array_equal(embedded[5], embedded[3])


def test_attention_is_over_the_tokens_alone(network):
    token_ids = np.array([[2, 3, 6, 0, 0]], np.int32)
    hidden = network.get_layer("embeddings")(token_ids)
    block = network.get_layer("block")
    _, attention = block(hidden, token_ids != 0, return_attention=True)
    attention = np.asarray(attention)
    assert attention.shape == (1, 2, 5, 5)
    np.testing.assert_allclose(attention[0, :, :3, :3].sum(axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(attention[0, :, :3, 3:], 0, atol=1e-6)


def test_word_dropout_makes_words_unknown_while_training():
    layer = WordDropout(0.3, seed=1)
    token_ids = np.full((100, 100), 7, np.int32)
    token_ids[:, 50:] = 0
    assert np.array_equal(layer(token_ids, training=False), token_ids)
    dropped = np.asarray(layer(token_ids, training=True))
    assert dropped.dtype == np.int32
    assert set(np.unique(dropped[:, :50])) == {1, 7}
    assert not dropped[:, 50:].any()
    assert (dropped[:, :50] == 1).mean() == pytest.approx(0.3, abs=0.03)
