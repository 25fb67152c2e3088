"""Incremental runs over a table: what is new in a snapshot, and whose rows have gone."""

from pathlib import Path

import duckdb
import lake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from outputs import manifest
from pages_of_docs import recipes
from pipeline.corpus.tables.snapshot import Rewrite
from pipeline.folders.table_series import Cell, follow
from pipeline.launcher.command import run_command
from pipeline.score import score


def cell(files: str, rows: str, options: str = "o") -> Cell:
    pairs = frozenset(("run", row) for row in rows)
    return Cell(frozenset(files), pairs, "f" if files == rows else None, options)


def rewrite(removed: str, added: str) -> Rewrite:
    return Rewrite(frozenset(removed), frozenset(added))


@pytest.mark.parametrize(
    ("rewrites", "expected"),
    [
        ([], [cell("a", "a"), cell("b", "b"), cell("c", "c")]),
        ([("ab", "x")], [cell("c", "c"), cell("x", "ab")]),
        ([("ab", "xy")], [cell("c", "c"), cell("xy", "ab")]),
        ([("ab", "x"), ("xc", "y")], [cell("y", "abc")]),
        ([("ab", "xy"), ("xc", "z")], [cell("yz", "abc")]),
        ([("an", "x")], [cell("a", "a"), cell("b", "b"), cell("c", "c")]),  # n is nobody's
        ([("n", "x")], [cell("a", "a"), cell("b", "b"), cell("c", "c")]),
    ],
)
def test_where_rows_lie_after_rewrites(rewrites, expected):
    cells = [cell("a", "a"), cell("b", "b"), cell("c", "c")]
    found = follow(cells, [rewrite(*one) for one in rewrites])
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_rows_scored_with_other_options_are_not_put_together():
    cells = [cell("a", "a"), cell("b", "b", "others")]
    assert follow(cells, [rewrite("ab", "x")]) == cells


class Nights:
    """A table and the command that runs every night."""

    def __init__(self, folder: Path, model: str, table: str):
        self.output = folder / "labels"
        self.argv = ["--input", table, "--text_columns", "title", "--id_column", "key"]
        self.argv += ["--model", model, "--output", str(self.output), "--incremental"]

    def run(self, *more: str) -> int:
        """Runs the command; returns how many runs there are then."""
        assert run_command(score, [*self.argv, *more]) == 0
        return len(self.runs())

    def runs(self) -> list[Path]:
        return sorted(self.output.glob("bundle=*/run=*"))

    def scored(self) -> int:
        """How many files the last run has scored."""
        return len(manifest(self.runs()[-1])["plan"]["sources"])

    def replaced(self) -> int:
        """Of how many sources the last run replaces the rows."""
        return len(manifest(self.runs()[-1])["replaces"])

    def keys(self) -> list[str]:
        """Of the rows that count."""
        [series] = self.output.glob("bundle=*")
        query = recipes()["latest"].replace("'S/", f"'{series}/")
        return sorted(key for (key,) in duckdb.sql(f"SELECT id FROM ({query})").fetchall())


def news(keys: str) -> pa.Table:
    return pa.table({"key": list(keys), "title": [f"text {key}" for key in keys]})


def test_nights_of_a_delta_table(tmp_path, fake, play, capsys):
    root = str(tmp_path / "t")
    nights = Nights(tmp_path, fake, f"delta:{root}")
    write_deltalake(root, news("ab"))
    write_deltalake(root, news("cd"), mode="append")
    assert nights.run() == 1
    assert (nights.scored(), nights.replaced()) == (2, 0)

    # Compaction is nothing new, also after a night that saw only that.
    DeltaTable(root).optimize.compact()
    assert nights.run() == 1
    assert "nothing new" in capsys.readouterr().out
    write_deltalake(root, news("ef"), mode="append")
    assert nights.run() == 2
    assert (nights.scored(), nights.replaced()) == (1, 0)
    assert nights.keys() == list("abcdef")

    # It is remembered: the log that said so may go.
    DeltaTable(root).create_checkpoint()
    for version in range(3):
        (tmp_path / f"t/_delta_log/{version:020d}.json").unlink()
    assert nights.run() == 2

    # A file that a commit compacted together with one that nobody has scored is new.
    write_deltalake(root, news("gh"), mode="append")
    DeltaTable(root).optimize.compact()
    assert nights.run() == 3
    assert (nights.scored(), nights.replaced()) == (1, 3)
    assert nights.keys() == list("abcdefgh")

    # Deleted rows: the file is written anew without them, in the place of the old one.
    DeltaTable(root).delete("key in ('a', 'h')")
    assert nights.run() == 4
    assert (nights.scored(), nights.replaced()) == (1, 1)
    assert nights.keys() == list("bcdefg")

    # What came back is scored again, its rows having been replaced meanwhile.
    DeltaTable(root).restore(DeltaTable(root).version() - 1)
    assert nights.run() == 5
    assert nights.keys() == list("abcdefgh")

    # Other options: everything again, in the place of all before.
    assert nights.run("--carry_columns", "title:t") == 6
    assert (nights.scored(), nights.replaced()) == (1, 1)
    assert nights.keys() == list("abcdefgh")


def test_rows_that_only_went(tmp_path, fake, play):
    root = str(tmp_path / "t")
    nights = Nights(tmp_path, fake, f"delta:{root}")
    rows = news("abc").append_column("n", pa.array([1, 2, 2], pa.int32()))
    write_deltalake(root, rows, partition_by=["n"])
    assert nights.run("--carry_columns", "n") == 1
    DeltaTable(root).delete("n = 2")
    assert nights.run("--carry_columns", "n") == 2
    assert (nights.scored(), nights.replaced()) == (0, 1)
    assert nights.keys() == ["a"]
    assert nights.run("--carry_columns", "n") == 2
    write_deltalake(root, rows.slice(2), mode="append")
    assert nights.run("--carry_columns", "n") == 3
    assert nights.keys() == ["a", "c"]


def test_a_deletion_vector_makes_a_file_another(tmp_path, fake, play):
    folder = tmp_path / "t"
    fields = [lake.string_field("key"), lake.string_field("title")]
    name = lake.delta_by_hand(
        folder, fields, {"a.parquet": (news("abc"), {})}, lake.features("deletionVectors")
    )
    nights = Nights(tmp_path, fake, name)
    assert nights.run() == 1
    add = {**lake.file_action(folder, "a.parquet"), "dataChange": True}
    vector = {"deletionVector": lake.deletion_vector([1]), "stats": '{"numRecords": 3}'}
    remove = {"remove": {"path": "a.parquet", "dataChange": True}}
    lake.commit(folder, 1, [remove, {"add": {**add, **vector}}])
    assert nights.run() == 2
    assert nights.keys() == ["a", "c"]
    assert nights.run() == 2


def test_nights_whose_log_was_cleaned_up_score_again_in_the_place_of_before(tmp_path, fake, play):
    root = str(tmp_path / "t")
    nights = Nights(tmp_path, fake, f"delta:{root}")
    write_deltalake(root, news("ab"))
    write_deltalake(root, news("cd"), mode="append")
    assert nights.run() == 1
    DeltaTable(root).optimize.compact()
    DeltaTable(root).create_checkpoint()
    for version in range(3):
        (tmp_path / f"t/_delta_log/{version:020d}.json").unlink()
    assert nights.run() == 2
    assert (nights.scored(), nights.replaced()) == (1, 2)
    assert nights.keys() == list("abcd")


def test_nights_of_an_iceberg_table(tmp_path, fake, play, monkeypatch):
    catalog = lake.iceberg_catalog(tmp_path / "lake", monkeypatch)
    catalog.create_namespace("news")
    table = catalog.create_table("news.daily", schema=news("a").schema)
    table.append(news("ab"))
    table.append(news("cd"))
    nights = Nights(tmp_path, fake, "iceberg:lake.news.daily")
    assert nights.run() == 1
    assert nights.scored() == 2

    paths = tuple(task.file.file_path for task in table.scan().plan_files())
    rows = news("abcd").cast(pq.read_schema(paths[0].removeprefix("file://")))
    file = lake.iceberg_file(table, tmp_path / "compacted.parquet", rows)
    lake.add_files(table, file, without=paths, operation="replace")
    assert nights.run() == 1
    table.append(news("ef"))
    assert nights.run() == 2
    assert (nights.scored(), nights.replaced()) == (1, 0)

    table.delete("key = 'a'")
    assert nights.run() == 3
    assert (nights.scored(), nights.replaced()) == (1, 2)
    assert nights.keys() == list("bcdef")


def test_a_dead_night_goes_on_by_its_version(tmp_path, fake, play, monkeypatch):
    root = str(tmp_path / "t")
    nights = Nights(tmp_path, fake, f"delta:{root}")
    write_deltalake(root, news("ab"))
    with monkeypatch.context() as broken:
        broken.setattr("pipeline.stages.publishing.manifest_of", None)
        assert run_command(score, nights.argv) == 1
    write_deltalake(root, news("cd"), mode="append")
    assert nights.run() == 2
    first, second = (manifest(run) for run in nights.runs())
    assert first["plan"]["settings"]["tables"] == {f"delta:{root}": 0}
    assert second["plan"]["settings"]["tables"] == {f"delta:{root}": 1}
    assert (first["rows"], second["rows"]) == (2, 2)
    assert nights.keys() == list("abcd")
