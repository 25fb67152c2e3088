"""Preparing a teacher's rows beside labelled ones: whose they are, and in which order."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.bundle.prepared import read_prepared
from model.data.held_out import text_hashes
from pipeline.launcher.command import run_command
from pipeline.prepare import prepare
from toys import TOY_LABELS, TOY_TEXTS

ORDER = ["World", "Sports", "Business", "Sci/Tech"]


def write_gold(folder: Path, labels: list[str] | None = None) -> Path:
    texts, known = zip(*TOY_TEXTS, strict=True)
    pq.write_table(
        pa.table({"title": texts, "description": [""] * 12, "label": labels or known}),
        folder / "gold.parquet",
    )
    return folder / "gold.parquet"


def write_teachers(path: Path, probabilities: list, labels=ORDER, **columns) -> Path:
    """A file as `pipeline.score` writes it, of texts "the new chip 0" and so on."""
    count = len(probabilities)
    table = pa.table(
        {
            "title": [f"the new chip {i}" for i in range(count)],
            "description": pa.array([None] * count, pa.string()),
            "label": pa.array(["Sports"] * count).dictionary_encode(),
            "probabilities": pa.array(probabilities, pa.list_(pa.float32())),
            "error": [None if one else "model: it failed" for one in probabilities],
            **columns,
        }
    )
    footer = {} if labels is None else {b"newsbeam": json.dumps({"labels": labels})}
    pq.write_table(table.replace_schema_metadata(footer), path)
    return path


def run(output: Path, *inputs: Path, **flags) -> int:
    words = ["--output", str(output), "--text_columns", "title,description", "--vocab_size", "10"]
    for path in inputs:
        words += ["--input", str(path)]
    flags = {"label_column": "label", "probabilities_column": "probabilities", **flags}
    for name, value in flags.items():
        words += [f"--{name}", value]
    return run_command(prepare, words)


def test_rows_with_probabilities_are_the_teachers(tmp_path, capsys):
    given = [[0.5, 0.125, 0.25, 0.125], None, [0, 0, 0, 1]]
    teachers = write_teachers(tmp_path / "teacher.parquet", given)
    assert run(tmp_path / "prepared", write_gold(tmp_path), teachers) == 0
    described = "Business 3, Sci/Tech 2, Sports 4, World 3; 2 labelled by a teacher"
    assert f"14 examples ({described})" in capsys.readouterr().out
    description = read_prepared(tmp_path / "prepared")
    assert description["labels"] == TOY_LABELS
    assert (description["rows"], description["teacher_rows"]) == (14, 2)
    assert description["rows_by_label"]["Sports"] == 4  # none of what the teacher calls so
    assert description["skipped"] == {"no_label": 1}
    files = sorted((tmp_path / "prepared").glob("examples-*.parquet"))
    examples = pa.concat_tables(map(pq.read_table, files))
    assert examples["label"].to_pylist() == [label for _, label in TOY_TEXTS] + [None] * 2
    assert examples["probabilities"].to_pylist() == [
        *[None] * 12,
        [0.25, 0.125, 0.125, 0.5],  # of Business, Sci/Tech, Sports, World
        [0, 1, 0, 0],
    ]
    texts = pa.array([text for text, _ in TOY_TEXTS] + ["the new chip 0", "the new chip 2"])
    assert examples["text_hash"].to_pylist() == text_hashes(texts).tolist()


def test_a_teachers_file_needs_no_true_label(tmp_path):
    labels = [{"Sci/Tech": "Sports"}.get(label, label) for _, label in TOY_TEXTS]
    teachers = write_teachers(tmp_path / "teacher.parquet", [[0, 0, 0, 1]])
    pq.write_table(pq.read_table(teachers).drop_columns("label"), tmp_path / "teacher.parquet")
    assert run(tmp_path / "prepared", teachers, write_gold(tmp_path, labels)) == 0
    description = read_prepared(tmp_path / "prepared")
    assert description["labels"] == TOY_LABELS  # the teacher's, one of which no true label is
    assert description["rows_by_label"] == {"Business": 3, "Sci/Tech": 0, "Sports": 6, "World": 3}


def test_without_the_option_a_scored_file_is_one_like_any_other(tmp_path):
    teachers = write_teachers(tmp_path / "teacher.parquet", [[0, 0, 0, 1]])
    words = [
        "--output",
        str(tmp_path / "prepared"),
        "--label_column",
        "label",
        "--vocab_size",
        "10",
    ]
    words += ["--text_columns", "title", "--input", str(teachers), "--input"]
    assert run_command(prepare, [*words, str(write_gold(tmp_path))]) == 0
    description = read_prepared(tmp_path / "prepared")
    assert (description["rows_by_label"]["Sports"], description["teacher_rows"]) == (5, 0)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("nameless", "teacher.parquet does not name the labels of its probabilities: score those"),
        (
            "no lists",
            "column score of {}/teacher.parquet holds no lists of probabilities but double",
        ),
        ("no column", "no input has a column likelihoods"),
        (
            "other labels",
            "the inputs clash: {0}/teacher.parquet has probabilities of World, Sports",
        ),
        ("unknown label", "column label has the label Weather, which the teacher doesn't have"),
        ("no gold", "no row has a true label: beside the teacher's, give some that have"),
        ("short list", "its footer names 4 labels, and a row has no such list"),
        ("no number", "its footer names 4 labels, and a row has no such list"),
    ],
)
def test_what_does_not_fit_gives_one_line(tmp_path, capsys, broken, message):
    column = {"no lists": "score", "no column": "likelihoods"}.get(broken, "probabilities")
    row = {"short list": [1.0], "no number": [float("nan"), 0, 0, 1]}.get(broken, [0, 0, 0, 1])
    labels = None if broken == "nameless" else ORDER
    teachers = write_teachers(tmp_path / "teacher.parquet", [row], labels, score=[0.5])
    inputs = [teachers]
    if broken == "other labels":
        inputs.append(write_teachers(tmp_path / "other.parquet", [[0.5, 0.5]], ["Sports", "War"]))
    if broken != "no gold":
        true = ["Weather"] * 12 if broken == "unknown label" else None
        inputs.append(write_gold(tmp_path, true))
    assert run(tmp_path / "prepared", *inputs, probabilities_column=column) in (1, 2)
    error = capsys.readouterr().err
    assert message.format(tmp_path) in error and error.count("\n") == 1
    assert not (tmp_path / "prepared" / "prepared.json").exists()
