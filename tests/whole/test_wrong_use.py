"""Wrong use ends in one line and with exit code 2, before any work; nothing is written."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import write_jsonl
from pipeline.launcher.command import run_command
from pipeline.progress import progress
from pipeline.report import report
from pipeline.runs import runs
from pipeline.score import score


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def wrong(tmp_path, fake, play, capsys, monkeypatch):
    """Runs a command that must be refused; gives its line."""
    write_jsonl(tmp_path / "news.jsonl", 5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def run(*more: str, command=score, **changes: str | None) -> str:
        options = {"--input": "news.jsonl", "--model": fake, "--output": "labels"}
        options |= {f"--{name}": value for name, value in changes.items()}
        argv = [f"{name}={value}" for name, value in options.items() if value is not None]
        before = listing(tmp_path)
        try:
            code = run_command(command, [*argv, *more])
        except SystemExit as stop:
            code = stop.code
        told = capsys.readouterr()
        assert code == 2, (code, told)
        assert told.out == ""
        assert told.err.count("\n") == 1, told.err
        assert len(told.err) < 400
        after = [name for name in listing(tmp_path) if not name.startswith("cache")]
        assert after == [name for name in before if not name.startswith("cache")]
        return told.err.removeprefix("newsbeam: ").removesuffix("\n")

    return run


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("/proc/labels", "cannot write to /proc/labels: "),
        ("/proc/self/fd/labels", "cannot write to /proc/self/fd/labels: "),
        ("/sys/labels", "cannot write to /sys/labels: "),
        ("/dev/null", "cannot write to /dev/null: "),
        ("/dev/null/labels", "cannot write to /dev/null/labels: "),
        ("news.jsonl", "the input news.jsonl lies in the output folder news.jsonl"),
        ("news.jsonl/labels", "cannot write to news.jsonl/labels: "),
        ("file://", "'file://' names no file or folder"),
        ("file:///", "'file:///' names no file or folder"),
        ("gs://", "'gs://' names no file or folder"),
        ("", "--output is missing"),
        ("a\0b", "'a\\x00b' names no file or folder"),
        ("x" * 300, "cannot write to xxx"),
        ("http://example.org/labels", "http://example.org/labels: http:// is not supported"),
        ("nonsense://labels", "nonsense://labels: nonsense:// is not supported"),
        ("~nobody-of-that-name/labels", "~nobody-of-that-name/labels: there is no such user"),
    ],
)
def test_an_output_that_cannot_be(wrong, output, expected):
    assert wrong(output=output).startswith(expected)


def test_a_folder_that_is_read_only(wrong, tmp_path):
    place = tmp_path / "theirs"
    place.mkdir()
    if os.system(f"mount -t tmpfs -o ro newsbeam-test '{place}' 2>/dev/null"):
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        told = wrong(output="theirs/labels")
        assert told == "cannot write to theirs/labels: Read-only file system"
        told = wrong(output="theirs")
        assert told == "cannot write to theirs: Read-only file system"
    finally:
        os.system(f"umount '{place}'")


def test_the_home_folder_is_meant_by_its_sign(tmp_path, fake, play, monkeypatch):
    """A shell leaves `--output=~/labels` as it is."""
    write_jsonl(tmp_path / "home" / "news.jsonl", 5)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    argv = ["--input=~/news.jsonl", f"--model={fake}", "--output=~/labels"]
    assert run_command(score, argv) == 0
    assert (tmp_path / "home" / "labels" / "_SUCCESS").exists()
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("name", ["input", "model", "then"])
@pytest.mark.parametrize("scheme", ["http", "https", "ftp", "s3", "hdfs", "nonsense"])
def test_paths_of_no_store_that_is_known(wrong, name, scheme):
    assert f"{scheme}://" in wrong(**{name: f"{scheme}://host/news.jsonl"})


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("shard_rows", ("0", "-1", "a", "1e3", "9" * 30, "10000000000", "")),
        ("limit", ("0", "-1", "a", "9" * 30, "")),
        ("batch_tokens", ("0", "a", "9" * 30)),
        ("max_error_rate", ("2", "-1", "nan", "inf", "a")),
        ("confidence", ("0", "nan", "a")),
        ("direct_num_workers", ("abc", "-5", "1.5")),
        ("runner", ("NoSuchRunner", "no.such.Runner", "")),
        ("job_server_timeout", ("abc",)),
        ("precision", ("int3",)),
    ],
)
def test_absurd_values(wrong, option, values):
    for value in values:
        assert option in wrong(**{option: value}), value


COLUMNS = {
    "list": pa.array([["a"], ["b"]]),
    "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((2, 2, 3), "float32")),
    "binary_view": pa.array([b"a", b"b"], pa.binary_view()),
    "string_view": pa.array(["a", "b"], pa.string_view()),
    "struct": pa.array([{"a": 1}, {"a": 2}]),
    "map": pa.array([[("a", 1)], [("b", 2)]], pa.map_(pa.string(), pa.int64())),
    "fixed": pa.array([[1, 2], [3, 4]], pa.list_(pa.int32(), 2)),
    "half": pa.array([1.5, 2.5], pa.float16()),
    "duration": pa.array([1, 2], pa.duration("s")),
    "decimal": pa.array([1, 2], pa.decimal128(10, 2)),
    "nothing": pa.array([None, None]),
    "uuid": pa.array([b"a" * 16, b"b" * 16], pa.uuid()),
}


@pytest.fixture
def odd_columns(tmp_path) -> dict[str, list]:
    """Writes `odd.parquet` with a column of each type; gives its values."""
    table = pa.table({"title": ["a", "b"], "description": ["c", "d"], **COLUMNS})
    pq.write_table(table, tmp_path / "odd.parquet")
    return pq.read_table(tmp_path / "odd.parquet").to_pydict()


@pytest.mark.parametrize("kind", ["list", "tensor", "struct", "map", "fixed"])
def test_a_true_label_is_no_list(wrong, odd_columns, kind):
    told = wrong(input="odd.parquet", gold_column=kind)
    assert told.startswith(f"column {kind} of odd.parquet holds no labels but ")


def test_columns_of_all_types_are_carried(tmp_path, fake, play, odd_columns):
    output = tmp_path / "labels"
    argv = ["--input", str(tmp_path / "odd.parquet"), "--model", fake, "--output", str(output)]
    assert run_command(score, [*argv, "--carry_columns", ",".join(COLUMNS)]) == 0
    made = pq.read_table(next(output.glob("part-*"))).to_pydict()
    assert {name: made[name] for name in COLUMNS} == {name: odd_columns[name] for name in COLUMNS}


@pytest.mark.parametrize("kind", ["tensor", "binary_view", "uuid", "list"])
def test_ids_of_odd_types(tmp_path, fake, play, odd_columns, kind):
    output = tmp_path / "labels"
    argv = ["--input", str(tmp_path / "odd.parquet"), "--model", fake, "--output", str(output)]
    assert run_command(score, [*argv, "--id_column", kind]) == 0
    assert pq.read_table(next(output.glob("part-*")))["id"].to_pylist() == odd_columns[kind]


def test_a_typo_on_a_hundred_thousand_columns_is_a_short_line(wrong, tmp_path):
    names = [f"column{number}" for number in range(100_000)]
    (tmp_path / "wide.csv").write_text(",".join([*names, "x" * 100_000]) + "\n")
    told = wrong(input="wide.csv", text_columns="colum7")
    assert told.startswith("no column colum7 in wide.csv, it has column0, column1, ")
    assert " more; did you mean column7" in told


@pytest.mark.parametrize(
    ("sign", "called"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical")]
)
def test_a_csv_file_that_is_separated_otherwise(wrong, tmp_path, sign, called):
    (tmp_path / "news.csv").write_text(f'id{sign}"title"{sign}description\n1{sign}a{sign}b, c\n')
    told = wrong(input="news.csv")
    assert f"; its fields seem to be separated by {called}" in told
    assert "newsbeam reads commas" in told


def test_columns_of_any_name_can_be_named(tmp_path, fake, play):
    """With commas, colons, quotes, outer blanks, or nothing at all in their names."""
    names = ["a, b", "10:30", " title ", 'say "hi"', '"quoted"', ""]
    table = pa.table([pa.array([f"text {number}", "b"]) for number in range(6)], names=names)
    pq.write_table(table, tmp_path / "odd.parquet")
    output = tmp_path / "labels"
    argv = ["--input", str(tmp_path / "odd.parquet"), "--model", fake, "--output", str(output)]
    argv += ["--text_columns", '"a, b","10:30"', "--text_columns", '" title ",say "hi"']
    argv += ["--carry_columns", '"10:30":time,"a, b":"c: d"', "--carry_columns", 'say "hi":said']
    argv += ["--carry_columns", '"""quoted""",""']
    assert run_command(score, argv) == 0
    made = pq.read_table(next(output.glob("part-*"))).to_pylist()[0]
    carried = [made[name] for name in ("time", "c: d", "said", '"quoted"', "")]
    assert carried == ["text 1", "text 0", "text 3", "text 4", "text 5"]
    assert (
        json.loads((output / "_manifest.json").read_text())["plan"]["columns"]["text"] == names[:4]
    )


def tampered(manifest: dict) -> Iterator[tuple[str, str]]:
    """Names of what was edited, and the manifest as text; two keys deep."""
    for key, values in manifest.items():
        for inner in [None, *(values if isinstance(values, dict) else ())]:
            for value in (None, 5, "x", [], {}):
                edited = json.loads(json.dumps(manifest))
                group, name = (edited, key) if inner is None else (edited[key], inner)
                if value is None:
                    del group[name]
                else:
                    group[name] = value
                yield f"{key}.{inner}={value}", json.dumps(edited)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["score", "runs", "progress"])
def test_a_manifest_that_was_tampered_with(tmp_path, play, capsys, monkeypatch, command):
    """Of a folder of version 0.1, whose `_SUCCESS` doesn't hold its hash: read, or one line."""
    folder = shutil.copytree(Path(__file__).parent / "data" / "version_0_1", tmp_path / "corpus")
    monkeypatch.chdir(folder)
    options = ["--input", "news", "--model", "bundle", "--id_column", "id"]
    options += ["--gold_column", "topic", "--carry_columns", "title:headline"]
    run = {
        "score": lambda: run_command(score, [*options, "--output", "plain"]),
        "runs": lambda: run_command(runs, ["--output", "plain"]),
        "progress": lambda: run_command(progress, ["--output", "plain"]),
    }[command]
    path = folder / "plain" / "_manifest.json"
    for what, content in tampered(json.loads(path.read_text())):
        path.write_text(content)
        code, told = run(), capsys.readouterr()
        assert code in (0, 2), (what, told)
        assert told.err.count("\n") == (code == 2), (what, told)


@pytest.mark.parametrize("key", ["bundle", "plan", "stats", "parts", "evaluation"])
def test_a_report_of_a_manifest_that_was_tampered_with(tmp_path, capsys, key):
    """As above; a page takes a second, so that here it is a few edits only."""
    data = Path(__file__).parent / "data" / "version_0_1" / "plain"
    folder = shutil.copytree(data, tmp_path / "plain")
    path = folder / "_manifest.json"
    whole = json.loads(path.read_text())
    inner = {"bundle": "digest", "plan": "columns", "stats": "lengths"}.get(key)
    for edited in ({**whole, key: 5}, {**whole, key: {**whole[key], inner: 5} if inner else "x"}):
        path.write_text(json.dumps(edited))
        assert run_command(report, ["--output", str(folder)]) in (0, 2)
        assert capsys.readouterr().err.count("\n") <= 1


def test_a_manifest_that_was_changed_is_no_longer_the_one_that_was_published(
    tmp_path, fake, play, capsys
):
    write_jsonl(tmp_path / "news.jsonl", 5)
    output = str(tmp_path / "labels")
    argv = ["--input", str(tmp_path / "news.jsonl"), "--model", fake, "--output", output]
    assert run_command(score, argv) == 0
    path = tmp_path / "labels" / "_manifest.json"
    path.write_text(path.read_text().replace('"rows": 5', '"rows": 6'))
    for command, words in ((score, argv), *((c, argv[-2:]) for c in (runs, report, progress))):
        capsys.readouterr()
        assert run_command(command, words) == 2
        assert capsys.readouterr().err.count("\n") == 1
