"""WordPiece in the graph, against literal ids and against the `tokenizers` library."""

import collections
import json
import shutil
import tempfile
import unicodedata

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tokenizers import BertWordPieceTokenizer

from model.tokenizers import vocabularies
from model.tokenizers.preprocessing import preprocessing_fn
from model.tokenizers.tokenizer import Tokenizer
from pipeline import prepare
from pipeline.launcher.command import run_command
from pipeline.preparation.fit import FitTokenizer
from toys import toy_shard

LETTERS = ["a", "b", "c", "##a", "##b", "##c"]
TOY_VOCABULARY = [*vocabularies.SPECIAL, "new", "##s", "team", "won", "!", ".", "é", "中", *LETTERS]

UNCASED = {"kind": "wordpiece", "lowercase": True, "strip_accents": True}
CASED = {"kind": "wordpiece", "lowercase": False, "strip_accents": False}

NASTY = [
    "Crème Brûlée à la Zoë, naïve façade; résumé",
    "cre\u0301me with combining marks, and Z̸a̸l̸g̸o̸",
    "北京 is 中国's capital, 東京都 too; mixed中文and英文",
    "ひらがな カタカナ 한국어 조선말",
    "emoji 😀😃👩‍👩‍👧 🇩🇪 ❤️ 👍🏽 done",
    "control \x00\x01\x07\x1b\x7f\x85 characters\x0b\x0chere",
    "bytes lost \ufffd\ufffd there",
    "bell\tand\ttabs\r\nand\nlines\u2028or\u2029paragraphs",
    "\u202eright-to-left override\u202c and \u200bzero\u200dwidth\u2060joiners\ufeff",
    "שלום עולם, مرحبا بالعالم؛ هذا اختبار",
    "soft\u00adhyphen non\u00a0breaking\u3000ideographic",
    "ﬁne ½ price™ ² ª º № ℃ Ⅷ ％ ！ ＡＢＣ …",
    "Straße GROẞ STRASSE ΟΔΟΣ Σίσυφος İstanbul ıssız Ǆ ǅ",
    "$5,000+tax=~£4k^2|`x`<b>bold</b> &lt;i&gt; #36; \\ /",
    "don't can't it's U.S. Ph.D. e-mail 3.14 1,000,000",
    "x" * 10_000,
    "a" * 100,
    "a" * 101,
    "before " + "b" * 150 + ". after",
    "я" * 100 + " " + "я" * 101,
    "中" * 300,
    "-" * 500,
    "🎉" * 101,
    "กรุงเทพมหานคร" * 20,
    " ",
    "",
    "\u200b",
    "[unused1] [ MASK ] [mask",
]


def fit(vocab_file, max_tokens, folder):
    output = str(folder / "transform")
    with beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner") as p:
        tables = p | beam.Create([toy_shard(["new teams won!"])])
        _ = tables | FitTokenizer(
            UNCASED,
            max_tokens,
            output,
            str(folder / "temp"),
            vocabularies.read_vocabulary(vocab_file),
        )
    return Tokenizer(output)


def graph(vocab_file, max_tokens=512, cased=False):
    """The preprocessing function as lists in, lists out, without Beam."""
    function = preprocessing_fn(
        CASED if cased else UNCASED, max_tokens, vocabularies.read_vocabulary(vocab_file)
    )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def run(text):
        return function({"text": text})["token_ids"]

    return lambda texts: run(tf.constant(texts, tf.string)).to_list()


def oracle(vocab_file, cased=False):
    library = BertWordPieceTokenizer(str(vocab_file), lowercase=not cased)
    return lambda texts: [encoding.ids for encoding in library.encode_batch(texts)]


@pytest.fixture(scope="module")
def toy_vocab(tmp_path_factory):
    file = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    file.write_text("\n".join(TOY_VOCABULARY) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def minilm_tokenizer(minilm, tmp_path_factory):
    return fit(minilm / "vocab.txt", 128, tmp_path_factory.mktemp("minilm"))


def test_toy_ids(toy_vocab, tmp_path):
    tokenizer = fit(toy_vocab, 6, tmp_path)
    texts = ["New teams won!", "new", "", "NÉW", "abc. won won won", "unknown"]
    token_ids, tokens = tokenizer(pa.array(texts))
    assert token_ids.to_pylist() == [
        [2, 5, 7, 6, 8, 3],
        [2, 5, 3],
        [2, 3],
        [2, 5, 3],
        [2, 13, 17, 18, 10, 3],
        [2, 1, 3],
    ]
    assert tokens.to_pylist() == [7, 3, 2, 3, 9, 3]
    assert token_ids.type == pa.list_(pa.int32()) and tokens.type == pa.int32()


def test_the_vocabulary_travels_in_the_transform(toy_vocab, tmp_path, monkeypatch):
    """And nothing on the disk is needed beside it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "here"))
    (tmp_path / "here").mkdir()
    fit(toy_vocab, 6, tmp_path)
    assert list((tmp_path / "here").rglob("vocab.txt"))
    shutil.rmtree(tmp_path / "here")
    (tmp_path / "transform").rename(tmp_path / "moved")
    assets = list((tmp_path / "moved" / "transform_fn" / "assets").iterdir())
    text = toy_vocab.read_bytes()
    assert [(asset.name, asset.read_bytes()) for asset in assets] == [("vocab.txt", text)]
    again = Tokenizer(tmp_path / "moved")
    assert again(pa.array(["new teams"]))[0].to_pylist() == [[2, 5, 7, 6, 3]]


def test_a_cased_vocabulary_keeps_case_and_accents(toy_vocab):
    texts = ["new", "New", "é", "É", "中中"]
    assert graph(toy_vocab, cased=True)(texts) == [
        [2, 5, 3],
        [2, 1, 3],
        [2, 11, 3],
        [2, 1, 3],
        [2, 12, 12, 3],
    ]
    assert graph(toy_vocab)(["New", "É"]) == [[2, 5, 3], [2, 1, 3]]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("I love transformers", [101, 1045, 2293, 19081, 102]),
        (
            "Tensorflow is a great framework for NLP",
            [101, 23435, 12314, 2003, 1037, 2307, 7705, 2005, 17953, 2361, 102],
        ),
        ("Hello, there", [101, 7592, 1010, 2045, 102]),
    ],
)
def test_ids_of_bert_base_uncased(minilm_tokenizer, text, ids):
    assert minilm_tokenizer(pa.array([text]))[0].to_pylist() == [ids]


def test_equal_to_the_library_on_nasty_strings(minilm):
    vocab_file = minilm / "vocab.txt"
    for cased in (False, True):
        ours, theirs = graph(vocab_file, 20_000, cased)(NASTY), oracle(vocab_file, cased)(NASTY)
        for text, mine, expected in zip(NASTY, ours, theirs, strict=True):
            assert mine == expected, (text[:60], cased)


def test_equal_to_the_library_on_agnews(minilm, minilm_tokenizer, agnews):
    columns = pq.read_table(agnews / "test.parquet", columns=["title", "description"]).to_pydict()
    pairs = zip(columns["title"], columns["description"], strict=True)
    texts = [f"{title or ''} {description or ''}" for title, description in pairs]
    library = BertWordPieceTokenizer(str(minilm / "vocab.txt"), lowercase=True)
    lengths = [len(encoding.ids) for encoding in library.encode_batch(texts)]
    library.enable_truncation(128)
    expected = [encoding.ids for encoding in library.encode_batch(texts)]
    token_ids, tokens = minilm_tokenizer(pa.array(texts))
    assert len(texts) == 3800 and max(lengths) > 128
    assert token_ids.to_pylist() == expected
    assert tokens.to_pylist() == lengths


def test_special_tokens_in_a_text_are_read_as_text(minilm):
    vocab_file = minilm / "vocab.txt"
    assert graph(vocab_file)(["a [MASK] b"]) == [[101, 1037, 1031, 7308, 1033, 1038, 102]]
    assert oracle(vocab_file)(["a [MASK] b"]) == [[101, 1037, 103, 1038, 102]]


@pytest.mark.slow
def test_equal_to_the_library_on_every_character_but_the_listed_ones(tmp_path):
    """Each character between two letters, against the library, with pieces for all of them."""
    characters = [
        chr(point)
        for point in range(0x110000)
        if unicodedata.category(chr(point)) not in ("Cs", "Co", "Cn")
    ]
    forms = {unicodedata.normalize("NFD", character) for character in characters}
    pieces = {letter for form in (*characters, *forms) for letter in form + form.lower()}
    pieces = sorted(piece for piece in pieces if unicodedata.category(piece)[0] not in "CZ")
    vocab_file = tmp_path / "vocab.txt"
    continued = [f"##{piece}" for piece in pieces]
    vocab_file.write_text("\n".join([*vocabularies.SPECIAL, *pieces, *continued]), encoding="utf-8")
    texts = [f"a{character}b" for character in characters]
    expected = {"Cf": 13, "Lo": 256, "Pd": 2, "Pe": 4, "Po": 94, "Ps": 4, "So": 1}
    # Python 3.12 knows a few characters more than 3.11, hence "at least".
    for cased, more in ((True, {"Mn": 1}), (False, {"Lu": 40, "Mc": 2, "Mn": 384})):
        ours, theirs = graph(vocab_file, cased=cased)(texts), oracle(vocab_file, cased)(texts)
        differ = [c for c, a, b in zip(characters, ours, theirs, strict=True) if a != b]
        found = collections.Counter(unicodedata.category(character) for character in differ)
        assert set(found) == set(expected | more)
        assert all(0 <= found[name] - n < 12 for name, n in (expected | more).items()), found
        ideographs = [c for c in differ if unicodedata.category(c) == "Lo"]
        assert ideographs == [chr(point) for point in range(0x2B820, 0x2B920)]


def test_learned_pieces_spell_the_corpus(tmp_path):
    counts = [("playing", 40), ("played", 30), ("player", 30), ("play", 50), ("sing", 20), (".", 9)]
    pieces = vocabularies.learn_vocabulary(counts, 60)
    assert pieces == vocabularies.learn_vocabulary(reversed(counts), 60)
    assert pieces[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert {"play", "playing", "sing"} < set(pieces) and len(set(pieces)) == len(pieces) <= 60
    file = tmp_path / "vocab.txt"
    file.write_text("\n".join(pieces) + "\n")
    ids = graph(file)(["Playing, singing. play"])[0]
    unknown = [pieces[i] for i in ids].count("[UNK]")
    assert unknown == 1  # the comma, which the corpus does not have


def write_corpus(folder):
    texts = ["the teams won", "new teams fell", "The chips, the team", "war: news of war"] * 6
    labels = ["a", "b", "a", "b"] * 6
    table = pa.table({"text": texts, "label": labels})
    pq.write_table(table, folder / "corpus.parquet")
    return f"--input {folder}/corpus.parquet --text_columns text --label_column label".split()


def read_ids(output):
    """The token ids in the corpus' order."""
    tables = [pq.read_table(file) for file in sorted(output.glob("examples-*.parquet"))]
    return pa.concat_tables(tables)["token_ids"].to_pylist()


def test_prepare_with_the_vocabulary_of_a_backbone(toy_bert, tmp_path, capsys):
    corpus = write_corpus(tmp_path)
    output = tmp_path / "prepared"
    flags = f"--tokenizer wordpiece --backbone {toy_bert} --max_tokens 5 --output {output}".split()
    assert run_command(prepare.prepare, [*corpus, *flags]) == 0, capsys.readouterr().err
    description = json.loads((output / "prepared.json").read_text())
    tokenizer = description["tokenizer"]
    assert (tokenizer["kind"], tokenizer["vocab_size"]) == ("wordpiece", 15)
    assert (tokenizer["lowercase"], tokenizer["strip_accents"]) == (True, True)
    assert (tokenizer["pad_id"], tokenizer["unknown_id"]) == (0, 1)
    rows = read_ids(output)
    assert rows[:2] == [[2, 5, 6, 13, 3], [2, 12, 6, 13, 3]]


def test_prepare_learns_a_vocabulary(tmp_path, capsys):
    corpus = write_corpus(tmp_path)
    output = tmp_path / "prepared"
    flags = f"--tokenizer wordpiece --vocab_size 60 --output {output}".split()
    assert run_command(prepare.prepare, [*corpus, *flags]) == 0, capsys.readouterr().err
    description = json.loads((output / "prepared.json").read_text())
    pieces = (output / "transform" / "transform_fn" / "assets" / "vocab.txt").read_text().split()
    assert pieces[:5] == list(vocabularies.SPECIAL) and "team" in pieces
    assert description["tokenizer"]["vocab_size"] == len(pieces) <= 60
    rows = read_ids(output)
    spelled = [" ".join(pieces[i] for i in row).replace(" ##", "") for row in rows[:4]]
    assert spelled == [
        "[CLS] the teams won [SEP]",
        "[CLS] new teams fell [SEP]",
        "[CLS] the chips , the team [SEP]",
        "[CLS] war : news of war [SEP]",
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--tokenizer wordpiece --backbone {tmp}/nothing", "nothing: neither a Hugging Face dir"),
        ("--tokenizer wordpiece --backbone {tmp}", "no vocab.txt there"),
        ("--tokenizer wordpiece --vocab_file a --backbone b", "give one of them"),
        ("--tokenizer words --backbone {tmp}", "are for --tokenizer wordpiece"),
        ("--tokenizer wordpiece --vocab_file a --cased", "its own settings"),
    ],
)
def test_prepare_without_a_usable_vocabulary_gives_one_line(tmp_path, capsys, flags, message):
    corpus = write_corpus(tmp_path)
    flags = flags.format(tmp=tmp_path).split()
    code = run_command(prepare.prepare, [*corpus, *flags, "--output", str(tmp_path / "prepared")])
    error = capsys.readouterr().err
    assert code == 2 and message in error and error.strip().count("\n") == 0
    assert not (tmp_path / "prepared").exists()
