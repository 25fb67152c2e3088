"""The whole pipeline against a plain loop over the bundle: one text at a time, no Beam."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest import approx

from corpora import corpus, write_corpus
from pipeline.launcher.command import run_command
from pipeline.score import score
from places import ROOT


@pytest.fixture(scope="session")
def oracle(toy_bundle):
    """Text -> probabilities and number of tokens, each text by itself, in plain TensorFlow."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401

    transform = tf.saved_model.load(f"{toy_bundle.path}/transform/transform_fn")
    network = tf.saved_model.load(f"{toy_bundle.path}/saved_model")

    def of(text):
        found = transform.transform_fn({"text": tf.constant([text])})
        ids = tf.cast(found["token_ids"].to_tensor(), tf.int32)
        return network.serve(ids).numpy()[0], int(found["tokens"][0])

    return of


def check(output, rows, source, oracle, labels):
    """Compares every published row with what the oracle says of it."""
    published = pq.read_table(output).to_pylist()
    assert len(published) == len(rows)
    for number, (made, row) in enumerate(zip(published, rows, strict=True)):
        text = f"{row['title'] or ''} {row['description'] or ''}"
        assert (made["id"], made["source"], made["source_row"]) == (row["key"], source, number)
        if not text.strip():
            assert made["error"] == "blank: no text in title, description"
            assert made["label"] is made["score"] is made["probabilities"] is made["tokens"] is None
            continue
        probabilities, tokens = oracle(text)
        assert made["error"] is None
        assert made["tokens"] == tokens
        assert made["probabilities"] == approx(probabilities.tolist(), abs=1e-5)
        assert made["label"] == labels[int(probabilities.argmax())]
        assert made["score"] == max(made["probabilities"])


@pytest.mark.numerical
@pytest.mark.parametrize(
    "name, shard_rows, engine",
    [
        ("news.parquet", 1, "openvino"),
        ("news.parquet", 10, "tensorflow"),
        ("news.parquet", 16384, "openvino"),
        ("news.csv", 10, "openvino"),
        ("news.jsonl.gz", 50, "tensorflow"),
    ],
)
def test_rows_equal_a_plain_loop(name, shard_rows, engine, tmp_path, toy_bundle, oracle, capsys):
    rows = corpus(30 if shard_rows == 1 else 150)
    path, output = tmp_path / name, tmp_path / "labels"
    write_corpus(rows, path)
    arguments = {
        "--input": path,
        "--model": toy_bundle.path,
        "--output": output,
        "--id_column": "key",
        "--shard_rows": shard_rows,
        "--engine": engine,
        "--batch_tokens": 64,
    }
    assert score([str(word) for pair in arguments.items() for word in pair]) == 0
    check(output, rows, str(path), oracle, toy_bundle.labels)
    manifest = json.loads((output / "_manifest.json").read_text())
    in_error = sum(not f"{row['title'] or ''}{row['description']}".strip() for row in rows)
    assert (manifest["rows"], manifest["in_error"]) == (len(rows), in_error)
    assert f"{len(rows)} rows read, {len(rows) - in_error} labelled, {in_error} in error" in (
        capsys.readouterr().out
    )
    assert sorted(path.name for path in output.iterdir()) == [
        "_SUCCESS",
        "_manifest.json",
        "_report.html",
        "part-00000-of-00001.parquet",
    ]


def test_schema_order_and_carried_columns(tmp_path, toy_bundle):
    table = pa.table(
        {
            "key": pa.array([3, 1], pa.int16()),
            "title": ["the team", "war"],
            "description": pa.array([None, "new"], pa.large_string()),
            "when": pa.array([0, 86_400_000], pa.timestamp("ms")),
            "tags": [["a"], []],
            "label": pa.array(["x", "y"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    run(toy_bundle, tmp_path, "--id_column", "key", "--carry_columns", "all,label:gold")
    published = pq.read_table(tmp_path / "out")
    footer = json.loads(published.schema.metadata[b"newsbeam"])
    assert footer["labels"] == ["Business", "Sci/Tech", "Sports", "World"]
    assert footer["bundle"] == toy_bundle.digest
    dictionary = pa.dictionary(pa.int32(), pa.string())
    assert published.schema.remove_metadata() == pa.schema(
        [
            ("id", pa.int16()),
            ("title", pa.string()),
            ("description", pa.string()),
            ("when", pa.timestamp("ms")),
            ("tags", pa.list_(pa.field("element", pa.string()))),
            ("gold", dictionary),
            ("label", dictionary),
            ("score", pa.float32()),
            ("probabilities", pa.list_(pa.field("element", pa.float32()))),
            ("tokens", pa.int32()),
            ("error", pa.string()),
            ("source", dictionary),
            ("source_row", pa.int64()),
        ]
    )
    assert published["id"].to_pylist() == [3, 1]
    assert published["tags"].to_pylist() == [["a"], []]


def run(bundle, folder, *options, name="a.parquet"):
    """Scores `folder/name` to `folder/out`; returns the exit code."""
    where = ["--input", str(folder / name), "--output", str(folder / "out")]
    return run_command(score, ["--model", bundle.path, *where, *options])


def test_without_an_id_column_and_with_a_limit(tmp_path, toy_bundle):
    write_corpus(corpus(20), tmp_path / "a.parquet")
    assert run(toy_bundle, tmp_path, "--limit", "7") == 0
    ids = pq.read_table(tmp_path / "out")["id"].to_pylist()
    assert ids == [f"{tmp_path}/a.parquet#{number}" for number in range(7)]


def test_several_inputs_in_order(tmp_path, toy_bundle):
    for number, name in enumerate(["b.csv", "a.jsonl", "c.parquet"]):
        write_corpus(corpus(5, seed=number), tmp_path / name)
    inputs = [f"--input={tmp_path / name}" for name in ("b.csv", "a.jsonl", "c.parquet")]
    output = tmp_path / "out"
    assert score([*inputs, "--model", toy_bundle.path, "--output", str(output)]) == 0
    sources = pq.read_table(output)["source"].to_pylist()
    assert [source.rsplit("/")[-1] for source in sources[::5]] == ["b.csv", "a.jsonl", "c.parquet"]


def test_damaged_rows_come_out_with_reasons(tmp_path, toy_bundle):
    lines = [b'{"title": "war", "description": "war"}', b"{", b'"x"', b'{"title": "\xff"}', b"{}"]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    assert run(toy_bundle, tmp_path, name="a.jsonl") == 0
    errors = pq.read_table(tmp_path / "out")["error"].to_pylist()
    assert [error and error.split(":")[0] for error in errors] == [
        None,
        "json",
        "json",
        "encoding",
        "blank",
    ]


def test_the_same_again_has_nothing_to_do(tmp_path, toy_bundle, capsys):
    write_corpus(corpus(5), tmp_path / "a.parquet")
    assert run(toy_bundle, tmp_path) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert run(toy_bundle, tmp_path) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


def test_wrong_use_is_one_line_and_writes_nothing(tmp_path, toy_bundle, capsys):
    write_corpus(corpus(5), tmp_path / "a.parquet")
    write_corpus([{"key": 1, "title": "x", "description": "y"}], tmp_path / "b.parquet")
    broken = tmp_path / "broken"
    shutil.copytree(toy_bundle.path, broken)
    network = broken / "saved_model" / "saved_model.pb"
    network.write_bytes(network.read_bytes()[:-1] + b"!")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "thesis.txt").touch()
    folder, model = str(tmp_path), toy_bundle.path
    cases = [
        (["--model", model, "--output", "o"], "--input is missing; see --help"),
        (["--input", f"{folder}/none*", "--model", model], "no input: there is no file"),
        (["--text_columns", "titel"], "no column titel in"),
        (["--carry_columns", "nothing"], "no column nothing in"),
        (["--input", f"{folder}/b.parquet", "--id_column", "key"], "the inputs clash: column key"),
        (["--output", f"{folder}/strange"], "holds something else (thesis.txt)"),
        (["--model", f"{folder}/nowhere"], "no bundle at"),
        (["--model", folder], "is no bundle"),
        (["--model", str(broken)], "saved_model.pb"),
        (["--shrad_rows", "3"], "did you mean --shard_rows?"),
        (["--engine", "abacus"], "invalid choice: 'abacus'"),
        (["--precision", "float16"], "invalid choice: 'float16'"),
        (["--engine", "tensorflow", "--precision", "bfloat16"], "TensorFlow scores in float32"),
    ]
    for options, message in cases:
        given = {option.split("=")[0] for option in options}
        defaults = {"--input": f"{folder}/a.parquet", "--model": model, "--output": f"{folder}/o"}
        rest = [
            word
            for flag, value in defaults.items()
            if flag not in given or (flag == "--input" and "b.parquet" in " ".join(options))
            for word in (flag, value)
        ]
        if message.startswith("--input"):
            rest = []
        assert run_command(score, [*options, *rest]) == 2, options
        printed = capsys.readouterr()
        assert message in printed.err and printed.err.count("\n") == 1, printed.err
        assert printed.out == ""
    assert not (tmp_path / "o").exists()
    assert [path.name for path in (tmp_path / "strange").iterdir()] == ["thesis.txt"]


def test_another_run_is_refused_and_overwritten(tmp_path, toy_bundle, capsys):
    write_corpus(corpus(5), tmp_path / "a.parquet")
    assert run(toy_bundle, tmp_path) == 0
    assert run(toy_bundle, tmp_path, "--limit", "3") == 2
    assert "holds another run (limit: None there, 3 now)" in capsys.readouterr().err
    assert run(toy_bundle, tmp_path, "--limit", "3", "--overwrite") == 0
    assert pq.read_table(tmp_path / "out").num_rows == 3


def test_agnews_in_three_formats_by_the_shipped_bundle(agnews, tmp_path):
    from model.bundle.load import load_bundle

    shipped = load_bundle(ROOT / "bundles" / "agnews-transformer")
    table = pq.read_table(agnews / "test.parquet")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(r) + "\n" for r in table.to_pylist()))
    shutil.copy(agnews / "test.csv", tmp_path / "a.csv")
    shutil.copy(agnews / "test.parquet", tmp_path / "a.parquet")
    labels = []
    for name in ("a.jsonl", "a.csv", "a.parquet"):
        columns = ["--csv_columns", "class,title,description"] if name == "a.csv" else []
        assert run(shipped, tmp_path, *columns, "--overwrite", name=name) == 0
        labels.append(pq.read_table(tmp_path / "out")["label"].to_pylist())
    assert labels[0] == labels[1] == labels[2]
    right = [
        label == gold for label, gold in zip(labels[0], table["label"].to_pylist(), strict=True)
    ]
    assert len(right) == 3800
    assert sum(right) / 3800 >= 0.900
    assert sum(right) / 3800 == approx(shipped.metrics["test"]["accuracy"], abs=0.001)
