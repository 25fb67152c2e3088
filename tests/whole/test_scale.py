"""A billion articles, without them: plan and publishing's bookkeeping at their true size.

20,000 inputs and 60,000 checkpoints in a simulated store that counts what is asked of it.
Nothing is timed here: deploy/SCALE.md has the seconds.
"""

import json
import tracemalloc
from collections import Counter

import pyarrow as pa
import pytest

from pipeline import storage
from pipeline.corpus.documents import Facts, ReadSettings
from pipeline.corpus.fingerprint import Seen
from pipeline.corpus.inputs import find_inputs
from pipeline.corpus.plan import load_plan, save_plan
from pipeline.corpus.planner import make_plan
from pipeline.output.checkpoints import find_checkpoints
from pipeline.output.parts import PART_BYTES, plan_parts
from pipeline.stages import publishing

INPUTS = 20_000
ROWS = 50_000  # of an input: a billion in all
FILES = 60_000
FILE_BYTES = 1 << 20
WORK = "sim://store/out/_work-0"


class Store:
    """What the pipeline asks of a store, answered from numbers."""

    def __init__(self):
        self.asked = Counter()

    def match(self, pattern):
        self.asked["match"] += 1
        if pattern.startswith("sim://store/corpus"):
            return [
                storage.FileInfo(f"sim://store/corpus/{n:06d}.parquet", 50 << 20)
                for n in range(INPUTS)
            ]
        raise AssertionError(pattern)

    def files_in(self, folder):
        assert folder == WORK
        self.asked["files_in"] += 1
        return [storage.FileInfo(f"{WORK}/{finished(n)}", FILE_BYTES) for n in range(FILES)]

    def look(self, path):
        self.asked["look"] += 1
        return Seen(f"checksum:{path[-14:]}", 50 << 20, None)

    def inspect(self, path, settings):
        self.asked["inspect"] += 1
        return Facts(pa.schema([("title", pa.string())]), ROWS)


def finished(number: int) -> str:
    return f"{number:06d}-000000.end.parquet"


@pytest.fixture
def store(monkeypatch):
    store = Store()
    monkeypatch.setattr(storage, "is_local", lambda path: not path.startswith("sim://"))
    monkeypatch.setattr(storage, "match", store.match)
    monkeypatch.setattr(storage, "files_in", store.files_in)
    monkeypatch.setattr(
        "pipeline.corpus.fingerprint.Fingerprints.look", lambda _, path: store.look(path)
    )
    monkeypatch.setattr("pipeline.corpus.formats.parquet.inspect", store.inspect)
    return store


@pytest.fixture
def plan(store):
    inputs = find_inputs(["sim://store/corpus/*.parquet"])
    # 2,500 rows times 8 Tables: three items an input, 60,000 in all.
    return make_plan(inputs, ["title"], {"bundle": "0"}, reading=ReadSettings(2_500, None, None))


def test_the_planner_lists_once_and_looks_once_an_input(plan, store):
    assert store.asked == {"match": 1, "look": INPUTS, "inspect": INPUTS}
    assert len(plan.items) == FILES
    assert plan.rows() == INPUTS * ROWS
    assert [item.source for item in plan.items] == sorted(item.source for item in plan.items)


def test_the_plan_fits_into_memory_and_a_file(plan, tmp_path):
    path = str(tmp_path / "plan.json")
    save_plan(plan, path)
    assert (tmp_path / "plan.json").stat().st_size < 10 << 20
    tracemalloc.start()
    loaded = load_plan(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert loaded == plan and loaded.digest == plan.digest
    assert peak < 200 << 20


def test_publishing_lists_once_and_never_asks_for_a_file(plan, store):
    store.asked.clear()
    files, missing = find_checkpoints(plan, WORK)
    assert (len(files), missing) == (FILES, [])
    parts = plan_parts(files)
    assert store.asked == {"files_in": 1}
    assert len(parts) == FILES * FILE_BYTES // PART_BYTES + 1
    assert [name for part in parts for name in part.files] == [finished(n) for n in range(FILES)]
    assert parts[-1].name == f"part-{len(parts) - 1:05d}-of-{len(parts):05d}.parquet"


def test_a_missing_file_among_60_000_is_found(plan, store, monkeypatch):
    files = [file for file in store.files_in(WORK) if not file.name.startswith("031415-")]
    monkeypatch.setattr(storage, "files_in", lambda _: files)
    assert find_checkpoints(plan, WORK)[1] == [31415]


def test_statistics_of_all_files_grow_with_the_sources_only():
    """What 300 workers' bundles of 200 footers merge to, each naming 67 of the 20,000 inputs."""

    def footers(number: int) -> dict:
        numbers = [n % INPUTS for n in range(number * 67, number * 67 + 67)]
        places = {f"sim://store/corpus/{n:06d}.parquet": {"rows": 1} for n in numbers}
        counts = {"rows": 16_384, "rows_by_label": {"World": 16_384}}
        stats = {**counts, "errors": {}, "sources": places}
        return {"stats": stats, "bad_files": {}, "rows": 16_384}

    found = publishing._merge_found(footers(n) for n in range(FILES // publishing.FILES_AT_A_TIME))
    assert found["rows"] == 300 * 16_384
    assert found["stats"]["rows_by_label"] == {"World": 300 * 16_384}
    assert len(found["stats"]["sources"]) == INPUTS
    assert len(json.dumps(found)) < 5 << 20
