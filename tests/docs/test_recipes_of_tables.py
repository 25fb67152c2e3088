"""The recipes of docs/tables.md for reading tables, run as they are printed."""

import time

import pytest

from other_writers import DeltaLake, IcebergLake
from pages_of_docs import recipes
from toy_runs import ToyRun

CORPUS = {"a.csv": ["a0", "a1"], "b.csv": ["b0"]}


@pytest.fixture
def labels(tmp_path, monkeypatch):
    """Runs a recipe, on a table whose version of a moment ago is another one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(lake_class, name):
        lake = lake_class(tmp_path, monkeypatch)
        ToyRun(tmp_path, CORPUS, lake.name).publish()
        time.sleep(0.3)
        between = time.time()
        time.sleep(0.3)
        ToyRun(tmp_path, {"b.csv": ["b1", "b2"]}, lake.name, output="other").publish()
        if lake_class is DeltaLake:
            lake.root.rename(tmp_path / "T")
        text = recipes()[name].replace("days=7", f"seconds={time.time() - between}")
        found: dict = {}
        exec(compile(text, "tables.md", "exec"), found)
        return found["labels"]

    return run


@pytest.mark.parametrize("name", ["delta_polars", "delta_pandas"])
def test_data_frames(labels, name):
    assert sorted(labels(DeltaLake, name)["id"]) == ["a0", "a1", "b1", "b2"]


def test_duckdb(labels):
    found = labels(DeltaLake, "delta_duckdb")
    assert found.order("id").project("id").fetchall() == [("a0",), ("a1",), ("b1",), ("b2",)]


def test_last_week(labels):
    assert sorted(labels(DeltaLake, "delta_last_week")["id"]) == ["a0", "a1", "b0"]


def test_iceberg(labels):
    found = labels(IcebergLake, "iceberg_arrow")
    assert sorted(found["id"].to_pylist()) == ["a0", "a1", "b1", "b2"]
