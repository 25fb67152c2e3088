"""Ids of texts of any length: those of one graph without the cut, whatever the texts hold."""

import numpy as np
import pyarrow as pa
import pytest
from conftest import fit_transform

from model.tokenizers.pieces import UncutTokenizer, cut_text
from model.tokenizers.preprocessing import preprocessing_fn
from model.tokenizers.tokenizer import Tokenizer
from model.tokenizers.vocabularies import SPECIAL
from model.without_keras import tf
from toys import TOY_MAX_TOKENS, TOY_TOKENIZER, TOY_WORDS

LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = [
    *SPECIAL,
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
    *".!?-'\"()",
    *"。、,「」々",
    *"中文新聞東京語",
    *["the", "team", "market", "##et", "εν", "##ς", "σ", "##σ", "α", "##α", "ü", "##ü"],
]
SOUP = [
    *("the", "team", "won", "WAR", "Market", "U.S.", "can't", "xxx", "y" * 150, "chip-new"),
    *("ΑΣ", "ΑΣΣΑΣ", "Ünïcödé", "e\u0301te\u0301", "\u0301", "İstanbul", "ﬁn", "Ǆ"),
    *(
        "中文新聞",
        "東京。",
        "「語」",
        "中、文",
        ",",
        "!",
        "新聞\u0308",
        "한국어",
        "ไทย",
        "\u200b",
        "\ufeff",
    ),
    *("...", "!!!", "—", "“the”", "‘won’", "’", "…", "a\x0bb", "a\x0cb", "\x1c", "(", ")", "'"),
    *("won,team!新聞", "東京語the新聞", "(won)été", "a.b.c", "新聞、the。team"),
]
GAPS = [" ", " ", " ", "\n", "\t", "\r\n", "\u3000", "\u00a0", "  "]
CASED = {"kind": "wordpiece", "lowercase": False, "strip_accents": False}
UNCASED = {"kind": "wordpiece", "lowercase": True, "strip_accents": True}


def texts_of(seed, count, words):
    """Texts of odd words with odd things, or nothing, between them."""
    draw = np.random.default_rng(seed)
    return [
        "".join(SOUP[draw.integers(len(SOUP))] + GAPS[draw.integers(len(GAPS))] for _ in range(n))
        for n in draw.integers(1, words, count)
    ]


def tokenizer_of(settings, tmp_path):
    """A fitted tokenizer with the cut, and one that is told to keep everything."""
    settings = {"vocab_size": len(VOCABULARY), "pad_id": 0, "unknown_id": 1, **settings}
    vocabulary = VOCABULARY if settings["kind"] == "wordpiece" else ()
    return Tokenizer(fit_transform(settings, tmp_path, vocabulary))


def unlimited(settings):
    """The ids of the same tokenizer, built anew without a cut: the oracle."""
    build = preprocessing_fn({"vocab_size": 10, **settings}, 1 << 30, VOCABULARY)

    return lambda texts: build({"text": tf.constant(texts)})["token_ids"].to_list()


@pytest.mark.parametrize("settings", [CASED, UNCASED], ids=["cased", "uncased"])
def test_wordpiece_is_that_of_the_whole_text(settings, tmp_path):
    # No word of the soup has more pieces than a text may have ids.
    tokenize = tokenizer_of(settings, tmp_path)
    uncut = UncutTokenizer(tokenize, "wordpiece", TOY_MAX_TOKENS)
    texts = texts_of(5, 60, 120)
    found = {}
    for number, ids in uncut(texts):
        found.setdefault(number, []).extend(ids.tolist())
    assert list(found) == list(range(len(texts)))
    for number, ids in enumerate(unlimited(settings)(texts)):
        assert [2, *found[number], 3] == ids, texts[number]
    assert uncut.before.tolist() == [2] and uncut.after.tolist() == [3]


def test_words_are_those_of_the_whole_text(toy_transform):
    tokenize = Tokenizer(toy_transform)
    uncut = UncutTokenizer(tokenize, "words", TOY_MAX_TOKENS)
    assert len(uncut.before) == len(uncut.after) == 0
    texts = texts_of(6, 60, 120)
    found = {}
    for number, ids in uncut(texts):
        found.setdefault(number, []).extend(ids.tolist())
    counts = tokenize(pa.array(texts))[1].to_pylist()
    first = tokenize(pa.array(texts))[0].to_pylist()
    for number, text in enumerate(texts):
        # Counted by the graph itself before its cut, and the same ids as far as that goes.
        assert len(found[number]) == counts[number], text
        assert found[number][:TOY_MAX_TOKENS] == first[number]
    known = [TOY_WORDS[number] for number in np.random.default_rng(7).integers(0, 8, 500)]
    text = "\u3000".join(known).upper().replace("TEAM", "T,E'AM")
    ids = np.concatenate([ids for _, ids in uncut([text])]).tolist()
    assert ids == [2 + TOY_WORDS.index(word) for word in known]


def test_a_million_tokens_come_some_at_a_time(toy_transform):
    uncut = UncutTokenizer(Tokenizer(toy_transform), "words", TOY_MAX_TOKENS)
    parts = [ids for _, ids in uncut(["the market fell, " * 350_000])]
    assert sum(map(len, parts)) == 1_050_000
    assert max(map(len, parts)) <= TOY_MAX_TOKENS
    assert np.concatenate(parts[:2]).tolist()[:7] == [2, 4, 8, 2, 4, 8, 2]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("short", ["short"]),
        ("one two three", ["one two ", "three"]),
        ("one two three ", ["one two ", "three "]),
        ("anextremelylongword here", ["anextremelylongword ", "here"]),
        ("here anextremelylongword", ["here ", "anextremelylongword"]),
        ("\n\n\n\n\n\n\n\n\n\n", ["\n\n\n\n\n\n\n\n", "\n\n"]),
    ],
)
def test_cut_text(text, pieces):
    assert list(cut_text(text, 8, " \n")) == pieces


def test_kinds_are_those_that_can_be_built():
    from model.tokenizers.pieces import _ENDS

    assert set(_ENDS) == {TOY_TOKENIZER["kind"], "wordpiece"}
