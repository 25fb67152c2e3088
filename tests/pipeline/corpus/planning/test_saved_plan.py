"""Plans in files: one file for a few inputs, pieces for many; what is read only when needed."""

import dataclasses
import json
from collections import Counter

import pyarrow as pa
import pytest

from pipeline import storage
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.saved_plan import load_plan, save_plan, saved_digest, stream_items
from pipeline.corpus.sources import Columns, ReadSettings, Source, WorkItem


def plan_of(inputs: int) -> Plan:
    """Two items of each input."""
    sources = [Source(f"/news/{n}.parquet", "parquet", 10, 8, f"sha256:{n}") for n in range(inputs)]
    items = [WorkItem(n, n // 2, n % 2 * 4, 4) for n in range(2 * inputs)]
    columns = Columns(("title",))
    return Plan(
        {"bundle": "0"}, columns, {"title": pa.string()}, ReadSettings(4), sources, items, []
    )


@pytest.fixture
def read(monkeypatch):
    """Counts the files that are read, by name."""
    load_plan.cache_clear()
    counts = Counter()
    real = storage.read_json

    def counted(path):
        counts[path.rpartition("/")[2]] += 1
        return real(path)

    monkeypatch.setattr(storage, "read_json", counted)
    yield counts
    load_plan.cache_clear()


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (0, ["plan.json"]),
        (1000, ["plan.json"]),
        (1001, ["plan-00001.json", "plan.json"]),
        (3000, ["plan-00001.json", "plan-00002.json", "plan.json"]),
    ],
)
def test_what_is_loaded_is_what_was_saved(tmp_path, inputs, names):
    plan = plan_of(inputs)
    path = str(tmp_path / "plan.json")
    save_plan(plan, path)
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    loaded = load_plan(path)
    assert loaded == plan and plan == loaded
    assert loaded.digest == plan.digest == saved_digest(path)
    assert loaded.identity() == plan.identity()
    assert loaded.rows() == plan.rows()
    assert loaded != plan_of(inputs + 1)
    expected = [(plan.sources[item.source], item) for item in plan.items]
    assert list(stream_items(path)) == expected
    load_plan.cache_clear()


def test_a_worker_reads_nothing_but_the_first_piece(tmp_path, read):
    path = str(tmp_path / "plan.json")
    save_plan(plan_of(2500), path)
    plan = load_plan(path)
    assert (plan.settings, plan.reading, plan.columns.text) == (
        {"bundle": "0"},
        ReadSettings(4),
        ("title",),
    )
    assert plan.output_schema().field("id").type == pa.string()
    assert len(plan.digest) == 64
    assert read == {"plan.json": 1}
    assert len(plan.items) == 5000 and len(plan.sources) == 2500
    assert read == {"plan.json": 1, "plan-00001.json": 1, "plan-00002.json": 1}


def test_items_are_handed_out_a_piece_at_a_time(tmp_path, read):
    path = str(tmp_path / "plan.json")
    save_plan(plan_of(2500), path)
    items = stream_items(path)
    next(items)
    assert read == {"plan.json": 1}


def test_a_changed_plan_has_another_digest(tmp_path):
    """The digest that lies in the file is that of the plan in it, of no other."""
    path = str(tmp_path / "plan.json")
    save_plan(plan_of(1500), path)
    loaded = load_plan(path)
    changed = dataclasses.replace(loaded, settings={"bundle": "1"})
    assert changed.digest == dataclasses.replace(plan_of(1500), settings={"bundle": "1"}).digest
    assert changed.digest != loaded.digest
    load_plan.cache_clear()


def test_a_loaded_plan_can_be_saved_over_itself(tmp_path):
    path = str(tmp_path / "plan.json")
    save_plan(plan_of(1500), path)
    load_plan.cache_clear()
    save_plan(load_plan(path), path)
    load_plan.cache_clear()
    assert load_plan(path) == plan_of(1500)
    load_plan.cache_clear()


def test_a_plan_whose_pieces_are_missing_is_no_plan(tmp_path, read):
    """Its launcher died: whoever comes next makes it anew."""
    path = str(tmp_path / "plan.json")
    save_plan(plan_of(1500), path)
    (tmp_path / "plan-00001.json").unlink()
    with pytest.raises(FileNotFoundError):
        load_plan(path).identity()


def test_a_plan_of_version_0_1_is_read(tmp_path):
    """All in one file, sources without a teacher's labels, and items that are no pieces."""
    path = tmp_path / "plan.json"
    save_plan(plan_of(1200), str(path))
    load_plan.cache_clear()
    value = json.loads(path.read_text())
    more = json.loads((tmp_path / "plan-00001.json").read_text())
    (tmp_path / "plan-00001.json").unlink()
    del value["more"]
    value["format"] = 1
    value["sources"] = [source[:-1] for source in value["sources"] + more["sources"]]
    value["items"] = [item[:4] for item in value["items"] + more["items"]]
    path.write_text(json.dumps(value))
    assert load_plan(str(path)) == plan_of(1200)
    load_plan.cache_clear()
