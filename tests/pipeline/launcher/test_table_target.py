"""`--table` on the command line: what is refused before any work, and a table by whole runs."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import write_jsonl
from outputs import manifest, rows
from pipeline.launcher.command import run_command
from pipeline.runs import runs
from pipeline.score import score


@pytest.fixture
def night(tmp_path, fake, play):
    """Runs the command on the folder `news`; more of the command line comes behind."""
    write_jsonl(tmp_path / "news" / "a.jsonl", 30, 1)
    write_jsonl(tmp_path / "news" / "b.jsonl", 10, 2)
    base = ["--input", f"{tmp_path}/news", "--model", fake, "--output", f"{tmp_path}/labels"]
    return lambda *more: run_command(score, [*base, "--id_column", "id", *more])


def keys(table: pa.Table | pl.DataFrame) -> list[tuple[str, int]]:
    found = table.to_dict(as_series=False) if isinstance(table, pl.DataFrame) else table.to_pydict()
    return sorted(zip(found["source"], found["source_row"], strict=True))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--table", "labels"], "names no table; tables are delta:URI or iceberg:"),
        (["--table", "delta:{0}/t@3"], "only the latest version can be written; leave out the @"),
        (["--table", "delta:s3://a/b"], "s3:// is not supported"),
        (["--table", "delta:{0}/t", "--limit", "3"], "--table goes without --limit"),
        (["--table", "delta:{0}/labels"], "would take the runs in {0}/labels for rubbish; use"),
        (["--table", "delta:{0}"], "use --output {0}/_runs, or a folder outside of the table"),
        (["--table", "delta:{0}/labels/t"], "lies in the output folder {0}/labels"),
        (["--table", "delta:{0}/news"], "{0}/news lies in the table's folder {0}/news"),
        (["--table", "iceberg:nowhere.news.t"], "the catalogue nowhere of iceberg:nowhere.news.t"),
        (["--partition_by", "section"], "--partition_by goes with --table"),
        (["--table", "delta:{0}/t", "--drop_deleted_inputs"], "goes with --incremental"),
    ],
)
def test_wrong_use_writes_nothing(night, tmp_path, capsys, more, reason):
    assert night(*(one.format(tmp_path) for one in more)) == 2
    assert reason.format(tmp_path) in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} <= {"news", "cache", "labels"}
    assert not list((tmp_path / "labels").iterdir() if (tmp_path / "labels").exists() else [])


def test_a_run_goes_into_a_table_once(night, tmp_path, capsys):
    table = f"delta:{tmp_path}/t"
    for said in ("40 rows read", "nothing to do"):
        assert night("--table", table) == 0
        out = capsys.readouterr().out
        assert said in out
        assert f"they are in the table {table}" in out
        read = pl.read_delta(f"{tmp_path}/t")
        assert keys(read) == keys(rows(tmp_path / "labels"))
    assert read.columns == rows(tmp_path / "labels").column_names
    assert f"Its rows are in the table <bdi><code>{table}</code></bdi>." in (
        (tmp_path / "labels" / "_report.html").read_text()
    )
    assert run_command(runs, ["--output", f"{tmp_path}/labels"]) == 0
    header, line = capsys.readouterr().out.splitlines()
    assert header.split()[-1] == "table"
    assert line.split()[-1] == table


def test_a_table_below_the_input_is_no_input(night, tmp_path, capsys):
    table = ["--table", f"delta:{tmp_path}/news/labels", "--incremental"]
    for said in ("40 rows read", "passed over: the table's folder"):
        assert night(*table) == 0
        assert said in capsys.readouterr().out
    assert len(pl.read_delta(f"{tmp_path}/news/labels")) == 40


def test_a_run_from_before_goes_into_the_table(night, tmp_path, capsys):
    assert night() == 0
    assert "table" not in manifest(tmp_path / "labels")
    assert night("--table", f"delta:{tmp_path}/t") == 0
    assert "1 run that was published before went into delta:" in capsys.readouterr().out
    assert keys(pl.read_delta(f"{tmp_path}/t")) == keys(rows(tmp_path / "labels"))


def test_a_series_goes_into_the_table_whichever_nights_were_without_it(night, tmp_path, capsys):
    table = ["--table", f"delta:{tmp_path}/t"]
    for number, more in enumerate([[], [], table, [], table]):
        write_jsonl(tmp_path / "news" / "a.jsonl", 20 + number, number)
        write_jsonl(tmp_path / "news" / f"c{number}.jsonl", 3, number)
        assert night("--incremental", *more) == 0
    assert "2 runs that were published before" in capsys.readouterr().out
    expected = {"a": 24, "b": 10, **{f"c{number}": 3 for number in range(5)}}
    found = pl.read_delta(f"{tmp_path}/t").group_by("source").len().iter_rows()
    assert {Path(source).stem: count for source, count in found} == expected
    capsys.readouterr()
    assert night("--incremental", *table) == 0
    assert capsys.readouterr().out.startswith("nothing new")


def test_a_column_of_another_type_is_refused_before_any_work(night, tmp_path, capsys):
    assert night("--table", f"delta:{tmp_path}/t") == 0
    path = tmp_path / "numbers.parquet"
    pq.write_table(pa.table({"id": [1], "title": ["x"], "description": ["y"]}), path)
    more = ["--input", str(path), "--output", f"{tmp_path}/other", "--table", f"delta:{tmp_path}/t"]
    folder = tmp_path / "news"
    for one in folder.iterdir():
        one.unlink()
    path.rename(folder / "numbers.parquet")
    assert night(*more[2:]) == 2
    assert "column id is string in delta:" in capsys.readouterr().err
    assert not list((tmp_path / "other").glob("_work*"))
