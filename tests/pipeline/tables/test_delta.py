"""What is Delta Lake's own: vacuums, types, folders that become tables."""

import os
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

import toy_runs
from other_writers import DeltaLake
from pipeline.errors import UsageError
from pipeline.tables.formats import check_table, table_to_write
from toy_runs import ToyRun

FIRST = {"a.csv": ["a0", "a1"], "b.csv": ["b0"]}
SECOND = {"b.csv": ["b5", "b6", "b7"], "c.csv": ["c0"]}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def lake(place, monkeypatch):
    return DeltaLake(place, monkeypatch)


def test_a_table_that_takes_no_commits_is_said_at_once(place, lake):
    ToyRun(place, FIRST, lake.name).publish()
    run = ToyRun(place, SECOND, lake.name, output="other")
    DeltaTable(place / "table").alter.set_table_properties({"delta.appendOnly": "true"})
    with pytest.raises(UsageError, match=r"has delta\.appendOnly=true"):
        run.publish()


WEEKS_AGO = 1_000_000_000


def test_a_vacuum_takes_what_was_replaced_and_nothing_else(place, lake):
    ToyRun(place, FIRST, lake.name, output="table/_runs/labels").publish()
    ToyRun(place, SECOND, lake.name, output="table/_runs/other", bundle="b").publish()
    rows = lake.rows()
    table, at_once = DeltaTable(lake.root), {"enforce_retention_duration": False, "dry_run": False}
    for full in (False, True):
        deleted = table.vacuum(0, full=full, **at_once)
        # The part of b.csv that the second run has replaced: its attempt's folder knows it.
        assert [Path(path).name for path in deleted] == ["part-00001-of-00002.parquet"]
    assert lake.rows() == rows
    assert (lake.root / "_runs" / "labels" / "_SUCCESS").exists()
    assert (lake.root / "_runs" / "labels" / "part-00001-of-00002.parquet").exists()


def test_a_vacuum_leaves_alone_what_is_not_committed_yet(place, lake, monkeypatch):
    """Packed weeks ago by a run that died, and put in its place just now."""
    ToyRun(place, FIRST, lake.name).publish()
    run = ToyRun(place, SECOND, lake.name, output="other")
    real = DeltaTable.create_write_transaction

    def vacuum(*arguments, **named):
        for part in place.glob("other/_work-*/part-*"):
            assert part.stat().st_mtime > WEEKS_AGO  # the same file, under its second name
        assert DeltaTable(lake.root).vacuum(full=True, dry_run=True) == []
        return real(*arguments, **named)

    def pack(part, path, real=toy_runs.described):
        os.utime(path, (WEEKS_AGO, WEEKS_AGO))
        return real(part, path)

    monkeypatch.setattr(toy_runs, "described", pack)
    monkeypatch.setattr(DeltaTable, "create_write_transaction", vacuum)
    run.publish()
    assert len(lake.rows()) == 6


@pytest.mark.parametrize(
    "kind",
    [
        pa.uint64(), pa.uint8(), pa.float16(), pa.duration("s"), pa.time64("us"),
        pa.timestamp("us", "Europe/Berlin"), pa.timestamp("ns"), pa.timestamp("s"),
        pa.decimal256(40, 2), pa.null(), pa.list_(pa.uint32()),
        pa.struct([("a", pa.list_(pa.uint64()))]), pa.map_(pa.string(), pa.uint16()),
    ],
    ids=str,
)  # fmt: skip
def test_types_that_would_change_are_refused_before_any_work(place, kind):
    name = table_to_write(f"delta:{place / 'table'}")
    with pytest.raises(
        UsageError, match=r"column x is .*, which Delta Lake does not keep as it is"
    ):
        check_table(name, pa.schema([("x", kind)]), [], set())
    assert not (place / "table").exists()


def test_a_folder_that_holds_something_else_becomes_no_table(place):
    (place / "table").mkdir()
    (place / "table" / "thesis.txt").write_text("a year's work")
    name = table_to_write(f"delta:{place / 'table'}")
    with pytest.raises(UsageError, match=r"is no Delta table and holds something else \(thesis"):
        check_table(name, pa.schema([("x", pa.string())]), [], set())
