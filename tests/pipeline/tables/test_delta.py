"""What is Delta Lake's own: vacuums, types, folders that become tables."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

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


def test_what_lies_in_the_table_is_nothing_that_a_vacuum_deletes(place, lake):
    root = place / "table"
    ToyRun(place, FIRST, f"delta:{root}", output="table/_runs/labels").publish()
    ToyRun(place, SECOND, f"delta:{root}", output="table/_runs/other", bundle="b").publish()
    for full in (True, False):
        listed = DeltaTable(root).vacuum(
            0, dry_run=True, enforce_retention_duration=False, full=full
        )
        live = {Path(uri).name for uri in DeltaTable(root).file_uris()}
        assert not [path for path in listed if "_runs" in path]
        assert not [path for path in listed if Path(path).parent.name in live]
    DeltaTable(root).vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
    assert len(lake.rows()) == 6
    assert (root / "_runs" / "labels" / "_SUCCESS").exists()


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
