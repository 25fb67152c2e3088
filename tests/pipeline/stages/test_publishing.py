"""The publisher's steps, each of which may be repeated."""

import dataclasses
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import FakeEngine, fake_tokenizer, write_jsonl
from items import read_item
from model.engines.scorer import Scorer
from pipeline import durable
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings
from pipeline.errors import (
    BadFileError,
    DamagedCheckpointError,
    NewsbeamError,
    TooManyErrorsError,
)
from pipeline.folders import folder
from pipeline.output import parts
from pipeline.output.checkpoints import read_checkpoint, read_stats, write_checkpoint
from pipeline.output.checks import complete_files
from pipeline.output.published import published_manifest
from pipeline.output.work import work_folder
from pipeline.stages import publishing
from pipeline.stages.context import RunContext
from pipeline.stages.scoring import score_table
from pipeline.stages.tokenizing import tokenize_table
from pipeline.storage import FileInfo
from scored import bundle_card


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose work items are all finished: its output folder, work folder and plan."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    inputs = [(str(write_jsonl(tmp_path / f"{n}.jsonl", 30, n)), "jsonl") for n in range(2)]
    settings = {"bundle": "b" * 64, "version": "1", "max_tokens": 16}
    plan = make_plan(inputs, ["title"], settings, reading=ReadSettings(20))
    output = str(tmp_path / "labels")
    folder.enter(output, plan, "model", False)
    work = work_folder(output, plan)
    durable.write_json(
        f"{work}/notes.json", {"bundle": bundle_card(list("abcd")), "previous": None}
    )
    for item in plan.items:
        for shard in read_item(plan, item):
            tokens = tokenize_table(shard.table, fake_tokenizer)
            scored, _ = score_table(tokens, Scorer(FakeEngine(), 256), ("a", "b", "c", "d"))
            write_checkpoint(shard.becomes(scored), plan, work)
    return output, work, plan


def publish_all(output, work, plan, most=None):
    """The steps of `PublishRun` without Beam."""
    context = RunContext(work, output, max_error_rate=most)
    names = publishing._list_finished(0, context)
    found = publishing._merge_all([publishing._read_many(some, work) for some in names])
    planned = list(publishing._plan_parts(found, context))
    packed = [publishing._pack_part(part, context) for part in planned]
    return publishing._commit(packed, context)


def test_every_step_may_be_repeated(run, tmp_path, monkeypatch):
    output, work, plan = run
    context = RunContext(work, output)
    monkeypatch.setattr(parts, "PART_BYTES", 1)
    for _ in range(2):
        names = list(publishing._list_finished(0, context))
        found = publishing._merge_all([publishing._read_many(some, work) for some in names])
        planned = list(publishing._plan_parts(found, context))
        assert [part.name for part in planned] == [
            f"part-{n:05d}-of-00004.parquet" for n in range(4)
        ]
        packed = [publishing._pack_part(part, context) for part in [*planned, *planned]][:4]
        assert [part["rows"] for part in packed] == [20, 10, 20, 10]
    assert os.listdir(output) == [Path(work).name]  # nothing is to be seen before the last step
    path = publishing._commit(packed, context)
    assert publishing._commit(packed, context) == path  # the runner's retry of what was done
    names = sorted(file.name for file in (tmp_path / "labels").iterdir())
    assert names == ["_SUCCESS", "_manifest.json", "_report.html", *[part.name for part in planned]]
    manifest = json.loads((tmp_path / "labels" / "_manifest.json").read_text())
    assert manifest["rows"] == 60
    assert manifest["plan"]["digest"] == plan.digest


def test_parts_are_of_a_useful_size(monkeypatch):
    monkeypatch.setattr(parts, "PART_BYTES", 100)
    files = [
        FileInfo(f"w/{name}", size) for name, size in zip("abcd", (60, 40, 1, 200), strict=True)
    ]
    assert [(p.name, p.files) for p in parts.plan_parts(files)] == [
        ("part-00000-of-00003.parquet", ["a", "b"]),
        ("part-00001-of-00003.parquet", ["c"]),
        ("part-00002-of-00003.parquet", ["d"]),
    ]


def test_row_groups_hold_bounded_memory(run, tmp_path, monkeypatch):
    _, work, plan = run
    monkeypatch.setattr(parts, "ROW_GROUP_BYTES", 1)
    [part] = parts.plan_parts(complete_files(plan, work))
    parts.pack(part, plan, work, str(tmp_path / "x.parquet"))
    packed = pq.ParquetFile(tmp_path / "x.parquet")
    assert packed.num_row_groups == 4
    assert packed.read()["source_row"].to_pylist() == [*range(30), *range(30)]


def test_an_unfinished_item_is_not_published(run):
    output, work, plan = run
    durable.delete([f"{work}/000001-000001.end.parquet"])
    with pytest.raises(NewsbeamError, match="1 of 2 work items are not finished"):
        publish_all(output, work, plan)
    assert published_manifest(output) is None


def test_too_many_errors_publish_nothing_and_keep_the_work(run):
    output, work, plan = run
    with pytest.raises(TooManyErrorsError) as caught:
        publish_all(output, work, plan, 0.05)
    assert "blank 4, json 2" in str(caught.value)
    assert caught.value.exit_code == 3
    assert os.listdir(output) == [Path(work).name]
    publish_all(output, work, plan, 0.5)
    assert published_manifest(output)["in_error"] == 6


def test_rows_that_do_not_add_up_are_not_published(run):
    output, work, plan = run
    path = f"{work}/000000-000000.parquet"
    metadata = pq.read_schema(path).metadata
    shorter = pq.read_table(path).slice(0, 3)
    pq.write_table(shorter.replace_schema_metadata(metadata), path)
    with pytest.raises(NewsbeamError, match="don't add up: an unknown number planned, 60 read, 43"):
        publish_all(output, work, plan)


def test_a_bad_file_that_was_skipped_is_tried_again_where_it_may_not_be(run):
    output, work, plan = run
    path = f"{work}/000001-000001.end.parquet"
    table = pq.read_table(path)
    metadata = json.loads(table.schema.metadata[b"newsbeam"])
    metadata["bad_file"] = "it ends early"
    pq.write_table(table.replace_schema_metadata({b"newsbeam": json.dumps(metadata)}), path)
    assert read_stats(path)[1] == "it ends early"
    with pytest.raises(BadFileError, match="it ends early"):
        publish_all(output, work, plan)
    with pytest.raises(NewsbeamError, match="not finished"):
        publish_all(output, work, plan)


def test_a_part_keeps_dictionaries_of_several_files(run, tmp_path):
    _, work, plan = run
    [part] = parts.plan_parts(complete_files(plan, work))
    parts.pack(part, plan, work, str(tmp_path / "x.parquet"))
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.schema.field("source").type == pa.dictionary(pa.int32(), pa.string())
    assert table.num_rows == 60


def steps(output, work):
    """The steps of a job's publishing, each a function of what the one before has given."""
    context = RunContext(work, output)

    def read(_):
        names = publishing._list_finished(0, context)
        return publishing._merge_all([publishing._read_many(some, work) for some in names])

    return [
        read,
        lambda found: list(publishing._plan_parts(found, context)),
        lambda planned: [publishing._pack_part(part, context) for part in planned],
        lambda packed: publishing._commit(packed, context),
    ]


def published_rows(output):
    """The rows that are published; the folder holds nothing else."""
    manifest = published_manifest(output)
    names = sorted(name for name in os.listdir(output) if name.startswith("part-"))
    assert names == [part["name"] for part in manifest["parts"]]
    rows = sum(pq.read_metadata(f"{output}/{name}").num_rows for name in names)
    assert rows == manifest["rows"]
    return rows


@pytest.mark.parametrize("first", range(4))
@pytest.mark.parametrize("second", range(4))
def test_two_jobs_of_one_plan(run, first, second):
    """A job outlived its launcher, and "the same command" has started another one."""
    output, work, _ = run
    one, other = steps(output, work), steps(output, work)
    value = mine = None
    for step in one[:first]:
        value = step(value)
    for step in other[:second]:
        mine = step(mine)
    for steps_left, last in ((one[first:], value), (other[second:], mine)):
        try:
            for step in steps_left:
                last = step(last)
        except (NewsbeamError, OSError):
            assert published_rows(output) == 60  # the other job has ended this one
    assert published_rows(output) == 60
    assert not os.path.exists(work)


def test_a_part_is_known_by_its_content(run, tmp_path):
    """Of another plan, or of a shorter reading of the same one: neither is taken for ours."""
    output, work, plan = run
    context = RunContext(work, output)
    [part] = parts.plan_parts(complete_files(plan, work))
    shorter = parts.Part(part.name, part.files[:-1], part.sizes[:-1])
    parts.pack(shorter, plan, work, f"{work}/{part.name}")
    assert publishing._pack_part(part, context)["rows"] == 60
    other = dataclasses.replace(plan, settings={**plan.settings, "bundle": "c" * 64})
    parts.pack(part, other, work, f"{work}/{part.name}")
    assert publishing._pack_part(part, context)["rows"] == 60
    assert parts.is_packed(part, plan, f"{work}/{part.name}")
    # One that is put in its place after it was counted is noticed by the last step.
    found = steps(output, work)[0](None)
    planned = list(publishing._plan_parts(found, context))
    packed = [publishing._pack_part(one, context) for one in planned]
    parts.pack(part, other, work, f"{work}/{part.name}")
    with pytest.raises(NewsbeamError, match="was packed anew meanwhile"):
        publishing._commit(packed, context)
    assert published_manifest(output) is None
    publish_all(output, work, plan)
    assert published_rows(output) == 60


@pytest.mark.parametrize("survives", ["plan.json", "started.json", "merged.json", "notes.json"])
def test_the_last_step_may_be_repeated_when_half_of_the_work_folder_is_gone(
    run, monkeypatch, survives
):
    output, work, _ = run
    value = None
    for step in steps(output, work)[:3]:
        value = step(value)
    with monkeypatch.context() as context:

        def half(path):
            for name in os.listdir(path):
                if name not in ("plan.json", survives) and os.path.isfile(f"{path}/{name}"):
                    os.unlink(f"{path}/{name}")
            raise MemoryError("the worker is lost")

        context.setattr("pipeline.output.swap.remove_work", half)
        with pytest.raises(MemoryError):
            publishing._commit(value, RunContext(work, output))
    before = (Path(output) / "_manifest.json").read_bytes()
    assert publishing._commit(value, RunContext(work, output)) == f"{output}/_manifest.json"
    assert (Path(output) / "_manifest.json").read_bytes() == before
    assert published_rows(output) == 60
    assert not os.path.exists(work)


@pytest.mark.parametrize("damage", ["footer", "rows", "empty"])
def test_a_damaged_checkpoint_is_scored_again(run, damage):
    output, work, plan = run
    path = Path(work) / "000000-000000.parquet"
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    damaged = {
        "footer": content[:-footer] + b"\xff" * (footer - 8) + content[-8:],
        "rows": b"PAR1" + b"\xff" * (len(content) - footer - 4) + content[-footer:],
        "empty": b"",
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(DamagedCheckpointError, match="parquet was damaged, and is deleted"):
        publish_all(output, work, plan)
    assert not path.exists()
    with pytest.raises(NewsbeamError, match="1 of 2 work items are not finished"):
        publish_all(output, work, plan)


def test_every_bit_of_a_checkpoint_counts(run):
    """What no compression and no type notices, the pages' checksums do."""
    path = Path(run[1]) / "000000-000000.parquet"
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    before = pq.read_table(path)
    for place in range(4, len(content) - footer, 31):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            found = read_checkpoint(str(path), len(content))
        except DamagedCheckpointError:
            continue
        assert found.equals(before)


def test_a_read_error_is_no_damage(run, monkeypatch):
    output, work, plan = run

    def refuses(*_):
        raise OSError(5, "Input/output error")

    before = sorted(os.listdir(work))
    monkeypatch.setattr("pyarrow.parquet.read_metadata", refuses)
    with pytest.raises(OSError, match="Input/output error"):
        publish_all(output, work, plan)
    assert [name for name in sorted(os.listdir(work)) if not name.startswith("failed-")] == before


def test_a_worker_that_outlived_its_run_makes_no_folder_anew(run):
    output, work, plan = run
    publish_all(output, work, plan)
    with pytest.raises(FileNotFoundError):
        durable.write_bytes(f"{work}/000000-000000.parquet", b"", make_folder=False)
    with pytest.raises(NewsbeamError, match="has taken the place"):
        publishing._commit([], RunContext(f"{output}/_work-0123456789ab", output))
    assert not os.path.exists(work)
