"""Preparing: the same examples from every format, and what is left out is counted."""

import itertools
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.bundle.prepared import read_prepared
from model.data.examples import read_examples
from model.data.held_out import text_hashes
from model.tokenizers.tokenizer import Tokenizer
from pipeline.launcher.command import run_command
from pipeline.preparation.training_examples import add_counts, to_examples
from pipeline.prepare import prepare
from toys import TOY_LABELS, TOY_TEXTS, TOY_WORDS

IDS = {"[UNK]": 1, **{word: i for i, word in enumerate(TOY_WORDS, start=2)}}
# Token ids of TOY_TEXTS, by hand.
TOY_IDS = [
    [IDS[word] for word in text.lower().replace("!", "").replace(",", "").replace(":", "").split()]
    for text, _ in TOY_TEXTS
]


def run(*arguments) -> int:
    return run_command(prepare, [str(argument) for argument in arguments])


def flags(output, pattern, *more) -> list:
    return [
        *("--input", pattern, "--output", output, "--text_columns", "title,description"),
        *("--label_column", "label", "--vocab_size", 10, "--max_tokens", 16, *more),
    ]


def rows() -> list[dict]:
    """The toy texts, each cut in two, and three rows of which nothing can be learned."""
    made = []
    for text, label in TOY_TEXTS:
        title, _, description = text.partition(" ")
        made.append({"title": title, "description": description, "label": label})
    made.insert(3, {"title": " ", "description": "", "label": "World"})
    made.insert(5, {"title": "the", "description": "team", "label": ""})
    return made


def write(kind: str, folder: Path) -> list:
    """Writes the toy corpus; returns the pattern that names it, and other flags that it needs."""
    table = pa.Table.from_pylist(rows())
    if kind == "parquet":
        pq.write_table(table, folder / "toys.parquet", row_group_size=4)
        return [folder / "toys.parquet"]
    if kind == "jsonl":
        lines = [json.dumps(row) + "\n" for row in rows()]
        (folder / "toys.jsonl").write_text("".join(lines))
        return [folder / "toys.jsonl"]
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.dataset_info import DatasetIdentity

    data = folder / "toys" / "1.0.0"
    data.mkdir(parents=True)
    text = tfds.features.Text()
    info = tfds.core.DatasetInfo(
        builder=DatasetIdentity("toys", tfds.core.Version("1.0.0"), str(data), __name__),
        features=tfds.features.FeaturesDict({"title": text, "description": text, "label": text}),
    )
    writer = tfds.core.SequentialWriter(info, max_examples_per_shard=5)
    writer.initialize_splits(["train"])
    writer.add_examples({"train": rows()})
    writer.close_all()
    return ["tfds:toys/train", "--tfds_data_dir", folder]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("prepare")
    assert run(*flags(folder / "prepared", *write("parquet", folder), "--shard_rows", 5)) == 0
    return folder / "prepared"


def test_the_folder_says_what_is_in_it(prepared):
    description = read_prepared(prepared)
    del description["plan"], description["versions"]
    assert description == {
        "format": 2,
        "labels": TOY_LABELS,
        "text_columns": ["title", "description"],
        "max_tokens": 16,
        "rows": 12,
        "rows_by_label": {"Business": 3, "Sci/Tech": 2, "Sports": 4, "World": 3},
        "teacher_rows": 0,
        "skipped": {"blank": 1, "no_label": 1},
        "tokenizer": {
            "kind": "words",
            "vocab_size": 10,
            "pad_id": 0,
            "unknown_id": 1,
            "lowercase": True,
        },
        "profile": {
            "rows": 12,
            "unknown_share": 0.0,
            "tokens": {
                "edges": description["profile"]["tokens"]["edges"],
                "counts": [0, 0, 8, 4, *[0] * 15],
            },
        },
    }
    # 14 rows in Tables of 5.
    names = sorted(path.name for path in prepared.iterdir() if not path.name.startswith("_"))
    assert names == [
        *(f"examples-000000-00000{table}.parquet" for table in range(3)),
        "prepared.json",
        "transform",
    ]


def test_examples_are_the_corpus_in_its_order(prepared):
    examples = read_examples(prepared, TOY_LABELS)
    texts = [examples.values[a:b].tolist() for a, b in itertools.pairwise(examples.offsets)]
    assert texts == TOY_IDS
    assert [TOY_LABELS[label] for label in examples.labels] == [label for _, label in TOY_TEXTS]
    assert (
        examples.hashes.tolist() == text_hashes(pa.array([text for text, _ in TOY_TEXTS])).tolist()
    )


@pytest.mark.parametrize("kind", ["jsonl", "tfds"])
def test_every_format_gives_the_same(prepared, tmp_path, kind):
    assert run(*flags(tmp_path / "prepared", *write(kind, tmp_path))) == 0
    one, other = (read_examples(folder, TOY_LABELS) for folder in (prepared, tmp_path / "prepared"))
    assert other.values.tolist() == one.values.tolist()
    assert other.offsets.tolist() == one.offsets.tolist()
    assert other.labels.tolist() == one.labels.tolist()
    assert other.hashes.tolist() == one.hashes.tolist()
    skipped = read_prepared(tmp_path / "prepared")["skipped"]
    assert skipped == {"blank": 1, "no_label": 1}
    vocabulary = "transform/transform_fn/assets/vocabulary"
    assert (tmp_path / "prepared" / vocabulary).read_bytes() == (prepared / vocabulary).read_bytes()


def test_the_same_command_again_has_nothing_to_do(prepared, capsys):
    before = (prepared / "prepared.json").stat().st_mtime_ns
    corpus = prepared.parent / "toys.parquet"
    assert run(*flags(prepared, corpus, "--shard_rows", 5)) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert (prepared / "prepared.json").stat().st_mtime_ns == before


def test_other_data_are_replaced_only_on_request(prepared, capsys):
    corpus = prepared.parent / "toys.parquet"
    assert run(*flags(prepared, corpus, "--limit", 3)) == 2
    assert "holds data prepared otherwise; use another --output" in capsys.readouterr().err
    assert len(read_examples(prepared, TOY_LABELS)) == 12


def test_data_of_an_older_version_are_not_taken_for_these(prepared, tmp_path, capsys):
    folder = shutil.copytree(prepared, tmp_path / "prepared")
    description = json.loads((folder / "prepared.json").read_text())
    (folder / "prepared.json").write_text(json.dumps({**description, "format": 1}))
    corpus = prepared.parent / "toys.parquet"
    assert run(*flags(folder, corpus, "--shard_rows", 5)) == 2
    assert "holds data prepared by an older newsbeam; use another" in capsys.readouterr().err
    assert run(*flags(folder, corpus, "--shard_rows", 5, "--overwrite")) == 0
    assert read_prepared(folder)["format"] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--input": "nowhere.parquet"}, "no input: there is no file nowhere.parquet"),
        ({"--label_column": "lable"}, "no column lable in "),
        ({"--text_columns": "headline"}, "no column headline in "),
        ({"--text_columns": ""}, "--text_columns is missing; see --help"),
        ({"--label_column": ""}, "--label_column is missing; see --help"),
        ({"--vocab_size": 2}, "--vocab_size must leave room for a word beside"),
        ({"--max_tokens": 5000}, "--max_tokens is 4096 at most"),
        ({"--vocabsize": 9}, "unknown option --vocabsize; did you mean --vocab_size?"),
    ],
)
def test_wrong_use_is_one_line(tmp_path, capsys, changes, message):
    (pattern,) = write("parquet", tmp_path)
    words = flags(tmp_path / "prepared", pattern)
    arguments = dict(zip(words[::2], words[1::2], strict=True)) | changes
    assert run(*(word for pair in arguments.items() for word in pair)) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"newsbeam: {message}")
    assert error.count("\n") == 1
    assert not (tmp_path / "prepared").exists()


def test_a_folder_with_something_else_is_left_alone(tmp_path, capsys):
    (pattern,) = write("parquet", tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("my only copy")
    assert run(*flags(tmp_path / "mine", pattern)) == 2
    assert "holds something else (thesis.txt)" in capsys.readouterr().err
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "my only copy"


def test_only_what_a_preparation_wrote_is_deleted(tmp_path, capsys):
    (pattern,) = write("parquet", tmp_path)
    folder = tmp_path / "mine"
    plan = folder / "_work" / "plan.json"
    plan.parent.mkdir(parents=True)
    plan.write_text('{"what": "my own plan"}')
    (folder / "examples-of-my-thesis.parquet").write_text("my only copy")
    (folder / "prepared.json").write_text('{"dinner": true}')
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for more in ((), ("--overwrite",)):
        assert run(*flags(folder, pattern, *more)) == 2
        assert "holds something else" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["transform", "_work"])
def test_a_preparation_follows_no_link(tmp_path, capsys, name):
    (pattern,) = write("parquet", tmp_path)
    folder, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.txt").write_text("my only copy")
    folder.mkdir()
    described = {"labels": [], "tokenizer": {}, "rows": 0, "format": 0}
    (folder / "prepared.json").write_text(json.dumps(described))
    (folder / name).symlink_to(elsewhere)
    assert run(*flags(folder, pattern, "--overwrite")) == 2
    assert f"holds something else ({name})" in capsys.readouterr().err
    assert [path.name for path in elsewhere.iterdir()] == ["thesis.txt"]


def test_a_corpus_of_one_label_is_refused(tmp_path, capsys):
    table = pa.table({"title": ["the team"] * 3, "description": ["won"] * 3, "label": ["a"] * 3})
    pq.write_table(table, tmp_path / "one.parquet")
    assert run(*flags(tmp_path / "prepared", tmp_path / "one.parquet")) == 2
    error = capsys.readouterr().err
    assert "3 rows with text and label, and 1 different labels in column label" in error
    assert not (tmp_path / "prepared" / "prepared.json").exists()


def test_old_data_stand_until_the_new_ones_are_whole(prepared, tmp_path, capsys, monkeypatch):
    folder = shutil.copytree(prepared, tmp_path / "prepared")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    corpus = prepared.parent / "toys.parquet"

    def fails(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("pipeline.preparation.training_examples.pq.write_table", fails)
        assert run(*flags(folder, corpus, "--limit", 6, "--overwrite")) == 1
    assert {path: path.read_bytes() for path in before} == before
    assert len(read_examples(folder, TOY_LABELS)) == 12
    assert run(*flags(folder, corpus, "--limit", 6, "--overwrite")) == 0
    assert read_prepared(folder)["rows"] == 4
    assert not (folder / "_work").exists()


def test_examples_of_a_table(toy_transform):
    table = pa.table(
        {
            "text": ["the zebra", None, "war", "the " * 20],
            "error": [None, "json: no object", None, None],
            "gold": ["a", "a", " ", "b"],
        }
    )
    examples, counts = to_examples(table, Tokenizer(toy_transform), unknown_id=1)
    assert examples.to_pydict() == {
        "token_ids": [[2, 1], [2] * 16],
        "label": ["a", "b"],
        "text_hash": text_hashes(pa.array(["the zebra", "the " * 20])).tolist(),
    }
    assert (counts["rows"], counts["ids"], counts["unknown"]) == (2, 18, 1)
    assert counts["rows_by_label"] == {"a": 1, "b": 1}
    assert counts["skipped"] == {"json": 1, "no_label": 1}
    assert counts["token_histogram"] == [0, 0, 1, 0, 0, 0, 1, *[0] * 12]  # of 2 and of 20
    assert add_counts([counts, add_counts([]), counts])["skipped"] == {"json": 2, "no_label": 2}
    assert add_counts([add_counts([counts])]) == counts
