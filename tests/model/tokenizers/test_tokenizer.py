"""The tokenizer on Arrow arrays."""

import pyarrow as pa
import pytest

from model.tokenizers.tokenizer import Tokenizer
from toys import TOY_TEXTS


@pytest.fixture(scope="module")
def tokenizer(toy_transform):
    return Tokenizer(toy_transform)


def test_ids_and_lengths(tokenizer):
    token_ids, tokens = tokenizer(pa.array(["the team won", "", "chip unheard-of", "!"]))
    assert token_ids.type == pa.list_(pa.int32())
    assert token_ids.to_pylist() == [[2, 3, 6], [], [7, 1], []]
    assert tokens.type == pa.int32()
    assert tokens.to_pylist() == [3, 0, 2, 0]


def test_long_texts_are_cut_and_their_length_is_counted(tokenizer):
    token_ids, tokens = tokenizer(pa.array(["war " * 16, "war " * 17]))
    assert token_ids.to_pylist() == [[5] * 16, [5] * 16]
    assert tokens.to_pylist() == [16, 17]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_every_shape_of_string_array(tokenizer, kind):
    texts = pa.array(["nothing", "the", "team war", "nothing"]).cast(kind)
    chunked = pa.chunked_array([texts[1:2], texts[2:3]])
    for array in (texts[1:3], chunked):
        assert tokenizer(array)[0].to_pylist() == [[2], [3, 5]]


def test_no_texts(tokenizer):
    for array in (pa.array([], pa.string()), pa.chunked_array([], pa.string())):
        token_ids, tokens = tokenizer(array)
        assert token_ids.to_pylist() == []
        assert token_ids.type == pa.list_(pa.int32())
        assert len(tokens) == 0


def test_a_text_is_tokenized_the_same_alone_and_among_others(tokenizer):
    texts = [text for text, _ in TOY_TEXTS]
    together = tokenizer(pa.array(texts))[0].to_pylist()
    assert together == [tokenizer(pa.array([text]))[0].to_pylist()[0] for text in texts]
