"""The words tokenizer, against keras.layers.TextVectorization."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.tokenizers.preprocessing import preprocessing_fn
from model.tokenizers.tokenizer import Tokenizer
from toys import TOY_TEXTS, TOY_WORDS, toy_shard

NASTY_ASCII = [
    "",
    " ",
    "!?",
    "the",
    "THE team, WON!",
    "the-team won't",
    "  the\tteam\nwar\r\nchip  ",
    "the\x0bteam\x0cwar\x1cchip\x1fnew\x7f",
    "#36;the &lt;b&gt;market&lt;/b&gt; fell\\the",
    "t.e.a.m. $the$ %fell% [new] {won} `chip` ~war~ _the_ ^team^ |new| @the",
    "the " * 40,
    "a" * 10_000,
]


def vocabulary_of(transform: str) -> list[str]:
    return Path(transform, "transform_fn/assets/vocabulary").read_text().splitlines()


def text_vectorization(texts: list[str], vocab_size: int, max_tokens: int):
    """The independent oracle: what the notebook tokenizes with."""
    import keras

    oracle = keras.layers.TextVectorization(vocab_size, output_sequence_length=max_tokens)
    oracle.adapt(texts)
    return oracle


def test_words_equal_text_vectorization(toy_transform):
    oracle = text_vectorization([text for text, _ in TOY_TEXTS], 10, 16)
    assert vocabulary_of(toy_transform) == ["[PAD]", "[UNK]", *oracle.get_vocabulary()[2:]]
    expected = [[i for i in row if i] for row in oracle(NASTY_ASCII).numpy().tolist()]
    token_ids, _ = Tokenizer(toy_transform)(pa.array(NASTY_ASCII))
    assert token_ids.to_pylist() == expected


def test_words_are_in_order_of_frequency(toy_transform):
    assert vocabulary_of(toy_transform) == ["[PAD]", "[UNK]", *TOY_WORDS]


@pytest.mark.slow
def test_words_equal_text_vectorization_on_real_texts(agnews, tmp_path):
    import apache_beam as beam

    from pipeline.preparation.fit import FitTokenizer

    # 2,000 texts have some 11,000 words, most of them once or twice: the cut runs through a tie.
    rows = pq.read_table(agnews / "test.parquet").slice(0, 2000)
    pairs = zip(rows["title"].to_pylist(), rows["description"].to_pylist(), strict=True)
    texts = [f"{title} {description}" for title, description in pairs]
    tokenizer = {"kind": "words", "vocab_size": 5000}
    with beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner") as p:
        tables = p | beam.Create([toy_shard(texts[:1200]), toy_shard(texts[1200:])])
        _ = tables | FitTokenizer(tokenizer, 32, f"{tmp_path}/transform", f"{tmp_path}/temp")

    oracle = text_vectorization(texts, 5000, 32)
    vocabulary = vocabulary_of(f"{tmp_path}/transform")
    assert len(vocabulary) == 5000
    assert vocabulary[2:] == oracle.get_vocabulary()[2:]
    token_ids, tokens = Tokenizer(f"{tmp_path}/transform")(pa.array(texts))
    expected = [[i for i in row if i] for row in oracle(texts).numpy().tolist()]
    assert token_ids.to_pylist() == expected
    assert tokens.to_pylist()[0] > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\u201cThe team\u201d won", [2, 3, 6]),
        ("\u2018the\u2019 \u00abteam\u00bb \u201ewon\u201f", [2, 3, 6]),
        ("the\u2014team\u2026won", [2, 3, 6]),
        ("the\u00a0team\u3000won", [2, 3, 6]),
        ("\uff34\uff28\uff25 TEAM", [1, 3]),  # full-width letters are other letters
        ("\u00c9cole", [1]),
        ("the \u5e02\u573a won", [2, 1, 6]),
        ("the\u200bteam", [1]),
    ],
)
def test_words_beyond_ascii(toy_transform, text, expected):
    assert Tokenizer(toy_transform)(pa.array([text]))[0].to_pylist() == [expected]


def test_rows_in_error_are_not_fitted():
    from pipeline.preparation.fit import raw_batches

    assert raw_batches(toy_shard([None, None])) == []
    (batch,) = raw_batches(toy_shard(["the", None, ""]))
    assert batch.to_pydict() == {"text": [[b"the"], [b""]]}


def test_no_such_tokenizer():
    with pytest.raises(ValueError, match="no tokenizer is called 'letters'"):
        preprocessing_fn({"kind": "letters"}, 16)
