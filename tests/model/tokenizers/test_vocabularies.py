"""WordPiece vocabularies: found, read, learned, and refused in one line."""

import json
import random

import pytest

from model.tokenizers import vocabularies


@pytest.fixture(scope="module")
def toy_vocab(tmp_path_factory):
    file = tmp_path_factory.mktemp("vocabulary") / "toy.txt"
    file.write_text("\n".join([*vocabularies.SPECIAL, "new", "##s", "team"]) + "\n")
    return file


def test_find_vocabulary_reads_the_settings_beside_it(toy_vocab, tmp_path):
    uncased = {"lowercase": True, "strip_accents": True}
    assert vocabularies.find_vocabulary(toy_vocab) == (str(toy_vocab), uncased)
    for config, expected in [
        ({"do_lower_case": False}, {"lowercase": False, "strip_accents": False}),
        ({"do_lower_case": True, "strip_accents": None}, uncased),
        ({"strip_accents": False}, {"lowercase": True, "strip_accents": False}),
    ]:
        (tmp_path / "vocab.txt").write_bytes(toy_vocab.read_bytes())
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
        file = str(tmp_path / "vocab.txt")
        assert vocabularies.find_vocabulary(tmp_path) == (file, expected)
        assert vocabularies.find_vocabulary(file) == (file, expected)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenize_chinese_chars": false}')
    with pytest.raises(vocabularies.VocabularyError, match="not supported"):
        vocabularies.find_vocabulary(tmp_path)


def test_find_vocabulary_in_a_keras_hub_preset(toy_vocab, tmp_path):
    assets = tmp_path / "assets" / "tokenizer"
    assets.mkdir(parents=True)
    (assets / "vocabulary.txt").write_bytes(toy_vocab.read_bytes())
    (tmp_path / "tokenizer.json").write_text('{"config": {"lowercase": false}}')
    file, settings = vocabularies.find_vocabulary(tmp_path)
    assert file == str(assets / "vocabulary.txt")
    assert settings == {"lowercase": False, "strip_accents": False}


def test_the_vocabulary_of_a_preset_by_its_name(monkeypatch):
    import keras_hub

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "war", "##s"]
    known = keras_hub.tokenizers.BertTokenizer(vocabulary=pieces, lowercase=True)
    monkeypatch.setattr(keras_hub.tokenizers.Tokenizer, "from_preset", lambda name: known)
    cleaning = {"lowercase": True, "strip_accents": True}
    assert vocabularies.backbone_vocabulary("bert_tiny_en_uncased") == (pieces, cleaning)


def test_the_vocabulary_of_a_folder_is_a_backbones(toy_bert):
    file, cleaning = vocabularies.find_vocabulary(toy_bert)
    expected = (vocabularies.read_vocabulary(file), cleaning)
    assert vocabularies.backbone_vocabulary(str(toy_bert)) == expected


def test_a_preset_that_nobody_has():
    with pytest.raises(vocabularies.VocabularyError) as caught:
        vocabularies.backbone_vocabulary("bert_tiny_uncased")
    assert str(caught.value) == (
        "bert_tiny_uncased: neither a Hugging Face directory nor a KerasHub preset, such as "
        "bert_tiny_en_uncased"
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["[PAD]", "[UNK]", "[CLS]"], r"it has no \[SEP\]"),
        (["[UNK]", "[PAD]", "[CLS]", "[SEP]"], r"line 1 is '\[UNK\]'"),
        (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "a"], "'a' stands there twice"),
    ],
)
def test_a_vocabulary_that_cannot_be_used(tmp_path, lines, message):
    file = tmp_path / "vocab.txt"
    file.write_text("\n".join(lines))
    with pytest.raises(vocabularies.VocabularyError, match=message) as caught:
        vocabularies.read_vocabulary(file)
    assert "\n" not in str(caught.value)


def test_a_vocabulary_that_is_not_there(tmp_path):
    for look in (vocabularies.find_vocabulary, vocabularies.read_vocabulary):
        with pytest.raises(vocabularies.VocabularyError) as caught:
            look(tmp_path / "vocab.txt")
        assert "\n" not in str(caught.value)


def test_no_more_pieces_than_asked_for():
    draw = random.Random(7)
    rare = ["".join(draw.choices("abcdefghij", k=7)) for _ in range(2000)]
    counts = [*((word, 1) for word in rare), *((f"common{n}", 50) for n in "abc")]
    for vocab_size in (200, 1500):
        pieces = vocabularies.learn_vocabulary(counts, vocab_size)
        assert len(set(pieces)) == len(pieces) == vocab_size
        letters = {letter for word, _ in counts for letter in word}
        assert letters | {f"##{letter}" for letter in letters} < set(pieces)
        assert {"commona", "commonb", "commonc"} < set(pieces)


def test_too_few_pieces_to_spell_anything(tmp_path):
    with pytest.raises(vocabularies.VocabularyError, match="give a larger --vocab_size") as caught:
        vocabularies.learn_vocabulary([("playing", 40)], 6)
    assert "\n" not in str(caught.value)
