"""A trimmed vocabulary: cut by the whole one, numbered by the kept one, trained and scored so."""

import argparse
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bert_toys import TOY_BERT_CONFIG, TOY_BERT_VOCABULARY, numpy_bert, toy_tensors
from model import train
from model.bundle.prepared import read_prepared
from model.bundle.save import save_bundle
from model.networks.bert import run_backbone
from model.tokenizers.tokenizer import Tokenizer
from model.tokenizers.vocabularies import read_pieces
from model.training.starting_point import starting_point
from pipeline.launcher.command import run_command
from pipeline.prepare import prepare
from toys import TOY_TEXTS

# In TOY_TEXTS, "the" comes 11 times, then 7, 6, 5 and 4 times.
KEPT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "team", "market", "war", "won"]


def run(folder: Path, *flags: str) -> int:
    texts, labels = zip(*TOY_TEXTS, strict=True)
    table = {"title": texts, "description": [""] * 12, "label": labels}
    pq.write_table(pa.table(table), folder / "gold.parquet")
    words = f"--input {folder}/gold.parquet --output {folder}/prepared --label_column label"
    words += " --text_columns title,description --tokenizer wordpiece --max_tokens 16"
    return run_command(prepare, [*words.split(), *flags])


@pytest.fixture(scope="module")
def trimmed(toy_bert, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trimmed")
    assert run(folder, "--backbone", str(toy_bert), "--trim_vocabulary", "9") == 0
    return folder / "prepared"


def test_texts_are_cut_by_the_whole_vocabulary_and_numbered_by_the_kept_one(trimmed):
    description = read_prepared(trimmed)
    tokenizer = description["tokenizer"]
    assert (tokenizer["vocab_size"], tokenizer["trimmed_from"]) == (9, 15)
    assert (tokenizer["pad_id"], tokenizer["unknown_id"]) == (0, 1)
    assert read_pieces(trimmed / "transform") == KEPT
    texts = ["the teams won", "war: chip", "zebra the", "[SEP] the"]
    token_ids, tokens = Tokenizer(trimmed / "transform")(pa.array(texts))
    assert token_ids.to_pylist() == [
        [2, 4, 5, 1, 8, 3],  # "##s" was dropped; "teams" is still cut into two
        [2, 7, 1, 1, 3],
        [2, 1, 4, 3],
        [2, 1, 1, 1, 4, 3],  # a text can't say [SEP]
    ]
    assert tokens.to_pylist() == [6, 5, 4, 6]
    (file,) = trimmed.glob("examples-*.parquet")
    assert pq.read_table(file)["token_ids"][7].as_py() == [2, 5, 7, 6, 3]  # "team war market"
    # Unknown: , , : ! fell fell chip chip chip chip new, of all ids with [CLS] and [SEP].
    assert description["profile"]["unknown_share"] == pytest.approx(11 / 68)


def begin(prepared: Path, backbone: Path | str, layers: int):
    """The spec and the network that a training of these options starts from."""
    options = argparse.Namespace(model="bert", pooling="pooled", recipe="finetune")
    options.prepared, options.backbone, options.layers = str(prepared), str(backbone), layers
    return starting_point(options, read_prepared(prepared))


def test_a_bert_trained_on_it_has_the_kept_embeddings_and_first_layers(toy_bert, trimmed):
    spec, network = begin(trimmed, toy_bert, 1)
    sizes = ("num_layers", "vocabulary_size", "max_sequence_length")
    assert [spec[size] for size in sizes] == [1, 9, 16]
    old = [TOY_BERT_VOCABULARY.index(piece) for piece in KEPT]
    found = run_backbone(network.get_layer("backbone"), keras.ops.convert_to_tensor([[2, 6, 3]]))
    config = {**TOY_BERT_CONFIG, "num_hidden_layers": 1}
    expected, _ = numpy_bert(config, toy_tensors(), [old[2], old[6], old[3]])
    np.testing.assert_allclose(np.asarray(found["sequence_output"])[0], expected, atol=1e-5)


def test_a_bundle_is_a_backbone_for_preparing_and_for_training(
    toy_bert_prepared, toy_bert, trimmed, tmp_path, capsys
):
    """A teacher's own layers and pieces, of which the student keeps some."""
    spec, network = begin(Path(toy_bert_prepared), toy_bert, 2)
    teacher, student = tmp_path / "teacher", tmp_path / "student"
    made = {"training": {}, "metrics": {}, "name": "toy"}
    save_bundle(teacher, prepared=toy_bert_prepared, network=network, spec=spec, **made)
    assert run(tmp_path, "--backbone", str(teacher), "--trim_vocabulary", "9") == 0
    assert read_pieces(tmp_path / "prepared" / "transform") == KEPT
    spec, smaller = begin(trimmed, teacher, 2)
    rows = [TOY_BERT_VOCABULARY.index(piece) for piece in KEPT]
    for one, other in zip(network.weights[:-2], smaller.weights[:-2], strict=True):
        value = np.asarray(one)
        if "token_embedding" in one.path:
            value = value[rows]
        np.testing.assert_array_equal(value[: other.shape[0]], np.asarray(other))
    # What is trimmed can't cut the texts of a further student, but begins one of the same pieces.
    save_bundle(student, prepared=trimmed, network=smaller, spec=spec, **made)
    assert begin(trimmed, student, 1)[0]["num_layers"] == 1
    shutil.rmtree(tmp_path / "prepared")
    capsys.readouterr()
    assert run(tmp_path, "--backbone", str(student)) == 2
    assert "a bundle with a trimmed vocabulary" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--trim_vocabulary 9", "needs a vocabulary: --vocab_file or --backbone"),
        ("--backbone {bert} --trim_vocabulary 15", "more than 4 and less than 15"),
        ("--backbone {bert} --trim_vocabulary 4", "more than 4 and less than 15"),
        ("--backbone {words} --trim_vocabulary 9", "a bundle without WordPiece"),
    ],
)
def test_what_can_not_be_trimmed_gives_one_line(
    toy_bert, toy_bundle, tmp_path, capsys, flags, message
):
    flags = flags.format(bert=toy_bert, words=toy_bundle.path)
    assert run(tmp_path, *flags.split()) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "prepared").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--model bert --backbone {bert} --layers 3", "toy-bert has 2 layers"),
        ("--layers 1", "--layers is for --model bert"),
        ("--model bert --backbone {words}", "is a bundle of a transformer, not a BERT"),
        ("--model bert --backbone {other}", "has no piece 'war'"),
    ],
)
def test_what_can_not_be_trained_gives_one_line(
    toy_bert, toy_bundle, trimmed, tmp_path, capsys, flags, message
):
    other = tmp_path / "other"
    shutil.copytree(toy_bert, other)
    vocabulary = (other / "vocab.txt").read_text()
    (other / "vocab.txt").write_text(vocabulary.replace("war\n", "peace\n"))
    flags = flags.format(bert=toy_bert, words=toy_bundle.path, other=other)
    assert train.main(f"--prepared {trimmed} {flags} --output {tmp_path / 'out'}".split()) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_the_backbone_may_be_a_damaged_bundle(toy_bundle, tmp_path, capsys):
    shutil.copytree(toy_bundle.path, tmp_path / "damaged")
    description = json.loads((tmp_path / "damaged" / "bundle.json").read_text())
    description["labels"] = []
    (tmp_path / "damaged" / "bundle.json").write_text(json.dumps(description))
    assert run(tmp_path, "--backbone", str(tmp_path / "damaged")) == 2
    assert "damaged (labels)" in capsys.readouterr().err
