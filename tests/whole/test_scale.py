"""A billion articles, without them: plan and publishing's bookkeeping at their true size.

200,000 inputs and 800,000 checkpoints in a simulated store that counts what is asked of it.
Nothing is timed here: deploy/SCALE.md has the seconds.
"""

import json
import tracemalloc
from collections import Counter

import pyarrow as pa
import pytest

from pipeline import storage
from pipeline.corpus.fingerprint import Seen
from pipeline.corpus.inputs import find_inputs
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.planning.saved_plan import PIECE_SOURCES, load_plan, save_plan, stream_items
from pipeline.corpus.sources import Facts, ReadSettings
from pipeline.output.checkpoints import find_checkpoints
from pipeline.output.parts import PART_BYTES, plan_parts
from pipeline.stages import publishing

INPUTS = 200_000
ROWS = 50_000  # of an input: ten billion in all
FILES = 800_000
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


@pytest.fixture(scope="module")
def store():
    store, monkeypatch = Store(), pytest.MonkeyPatch()
    monkeypatch.setattr(storage, "is_local", lambda path: not path.startswith("sim://"))
    monkeypatch.setattr(storage, "match", store.match)
    monkeypatch.setattr(storage, "files_in", store.files_in)
    monkeypatch.setattr(
        "pipeline.corpus.fingerprint.Fingerprints.look", lambda _, path: store.look(path)
    )
    monkeypatch.setattr("pipeline.corpus.formats.parquet.inspect", store.inspect)
    yield store
    monkeypatch.undo()


@pytest.fixture(scope="module")
def plan(store):
    inputs = find_inputs(["sim://store/corpus/*.parquet"])
    # 1,600 rows times 8 Tables: four items an input, 800,000 in all.
    return make_plan(inputs, ["title"], {"bundle": "0"}, reading=ReadSettings(1_600, None, None))


def test_the_planner_lists_once_and_looks_once_an_input(plan, store):
    assert store.asked == {"match": 1, "look": INPUTS, "inspect": INPUTS}
    assert len(plan.items) == FILES
    assert plan.rows() == INPUTS * ROWS
    assert [item.source for item in plan.items] == [n // 4 for n in range(FILES)]


@pytest.mark.slow
def test_the_plan_fits_into_memory_and_files(plan, tmp_path):
    path = str(tmp_path / "plan.json")
    save_plan(plan, path)
    assert (tmp_path / "plan.json").stat().st_size < 1 << 20
    assert len(list(tmp_path.iterdir())) == INPUTS // PIECE_SOURCES
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 60 << 20
    loaded, peak = measured(lambda: load_plan(path))
    assert loaded.digest == plan.digest and peak < 4 << 20  # what each worker holds
    handed_out, peak = measured(lambda: sum(1 for _ in stream_items(path)))
    assert handed_out == FILES and peak < 10 << 20  # who hands the items out
    _, peak = measured(lambda: len(loaded.items))
    assert peak < 400 << 20  # who publishes
    assert loaded == plan


def test_what_the_planner_itself_needs_grows_with_the_corpus_only(store):
    def make():
        inputs = find_inputs(["sim://store/corpus/*.parquet"])[: INPUTS // 20]
        return make_plan(inputs, ["title"], {"bundle": "0"}, reading=ReadSettings(1_600))

    part, peak = measured(make)
    assert len(part.items) == FILES // 20
    assert peak < 100 << 20


def measured(work):
    """What it gives, and the most bytes that it held meanwhile."""
    tracemalloc.start()
    result = work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, peak


def test_publishing_lists_once_and_sees_one_missing_among_800_000(plan, store):
    store.asked.clear()
    files, missing = find_checkpoints(plan, WORK)
    assert (len(files), missing) == (FILES, [])
    parts = plan_parts(files)
    assert store.asked == {"files_in": 1}
    assert len(parts) == FILES * FILE_BYTES // PART_BYTES
    assert [name for part in parts for name in part.files] == [finished(n) for n in range(FILES)]
    with pytest.MonkeyPatch.context() as lost:
        left = [file for file in files if not file.name.startswith("314159-")]
        lost.setattr(storage, "files_in", lambda _: left)
        assert find_checkpoints(plan, WORK)[1] == [314159]
    assert parts[-1].name == f"part-{len(parts) - 1:05d}-of-{len(parts):05d}.parquet"


def test_statistics_of_all_files_grow_with_the_sources_only():
    """What 4,000 workers' bundles of 200 footers merge to, each naming 67 of the inputs."""

    def footers(number: int) -> dict:
        numbers = [n % INPUTS for n in range(number * 67, number * 67 + 67)]
        places = {f"sim://store/corpus/{n:06d}.parquet": {"rows": 1} for n in numbers}
        counts = {"rows": 16_384, "rows_by_label": {"World": 16_384}}
        stats = {**counts, "errors": {}, "sources": places}
        return {"stats": stats, "bad_files": {}, "rows": 16_384}

    found = publishing._merge_all(footers(n) for n in range(FILES // publishing.FILES_AT_A_TIME))
    assert found["rows"] == 4_000 * 16_384
    assert found["stats"]["rows_by_label"] == {"World": 4_000 * 16_384}
    assert len(found["stats"]["sources"]) == INPUTS
    assert len(json.dumps(found)) < 12 << 20
