"""What a run finds in its output folder, and what it may do there."""

import dataclasses

import pytest

from fakes import write_jsonl
from outputs import state
from pipeline import storage
from pipeline.corpus.documents import ReadSettings
from pipeline.corpus.planner import make_plan
from pipeline.errors import UsageError
from pipeline.output import folder


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = write_jsonl(tmp_path / "news.jsonl", 5)
    settings = {"bundle": "b" * 64, "version": "1"}
    return make_plan([(str(path), "jsonl")], ["title"], settings, reading=ReadSettings(10))


def other(plan, **settings):
    return dataclasses.replace(plan, settings={**plan.settings, **settings})


def publish(output, plan):
    """What the publisher leaves."""
    (output / "part-00000-of-00001.parquet").write_bytes(b"rows")
    storage.write_json(str(output / "_manifest.json"), {"plan": identity(plan), "finished": "now"})
    (output / "_SUCCESS").write_bytes(b"")


def identity(plan):
    return {"digest": plan.digest, **plan.identity()}


def names(output):
    return sorted(path.name for path in output.iterdir())


def test_a_new_folder(tmp_path, plan):
    output = tmp_path / "labels"
    assert folder.enter(str(output), plan, "model", False)
    work = output / f"_work-{plan.digest[:12]}"
    assert names(output) == [work.name]
    assert names(work) == ["plan.json", "started.json"]


def test_a_continued_run_keeps_finished_files_and_loses_the_rest(tmp_path, plan):
    output = tmp_path / "labels"
    folder.enter(str(output), plan, "model", False)
    work = output / f"_work-{plan.digest[:12]}"
    for name in (".tmp-1", "failed-1.json", "worker-here-1-1", "000000-000000.parquet"):
        (work / name).write_text("{}")
    (output / ".tmp-2").write_text("half a part")
    assert folder.enter(str(output), plan, "model", False)
    assert names(work) == ["000000-000000.parquet", "plan.json", "started.json"]
    assert names(output) == [work.name]


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_published_run_is_done(tmp_path, plan, slash):
    output = tmp_path / "labels"
    folder.enter(str(output), plan, "model", False)
    publish(output, plan)
    (output / ".tmp-2").write_text("")
    assert not folder.enter(f"{output}{slash}", plan, "model", False)
    assert names(output) == ["_SUCCESS", "_manifest.json", "part-00000-of-00001.parquet"]


def test_work_that_lost_its_plan_is_nobodys(tmp_path, plan):
    """A run may die before its plan is saved, or while another one's work is deleted."""
    output = tmp_path / "labels"
    (output / "_work-0123").mkdir(parents=True)
    (output / "_work-0123" / "000000-000000.parquet").write_text("")
    (output / ".tmp-1").write_text("")
    assert folder.enter(str(output), plan, "model", False)
    assert names(output) == [f"_work-{plan.digest[:12]}"]


def test_another_run_is_refused_unless_overwritten(tmp_path, plan):
    output = tmp_path / "labels"
    folder.enter(str(output), plan, "model", False)
    publish(output, plan)
    folder.clean_up(str(output))
    changed = other(plan, bundle="c" * 64)
    with pytest.raises(UsageError, match="bundle: bbbbbbbbbbbb… there, cccccccccccc… now"):
        folder.enter(str(output), changed, "model", False)
    assert state(output) == "published"
    assert folder.enter(str(output), changed, "model", True)
    # `_SUCCESS` is gone; the old part stays until a new one is to be written.
    assert names(output) == [
        "_manifest.json",
        f"_work-{changed.digest[:12]}",
        "part-00000-of-00001.parquet",
    ]
    with pytest.raises(UsageError, match="unfinished work of another run"):
        folder.enter(str(output), plan, "model", False)
    assert folder.enter(str(output), changed, "model", False)


def test_overwriting_the_same_plan_begins_anew(tmp_path, plan):
    output = tmp_path / "labels"
    folder.enter(str(output), plan, "model", False)
    publish(output, plan)
    work = output / f"_work-{plan.digest[:12]}"
    (work / "cleared").write_text("")  # what is left of a run that died right behind its commit
    assert folder.enter(str(output), plan, "model", True)
    assert names(work) == ["plan.json", "started.json"]


def test_a_folder_with_something_else_is_refused(tmp_path, plan):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "thesis.txt").write_text("")
    with pytest.raises(UsageError, match=r"holds something else \(thesis.txt\)"):
        folder.enter(str(tmp_path / "labels"), plan, "model", False)


def test_incremental_runs_are_never_overwritten_by_a_plain_one(tmp_path, plan):
    (tmp_path / "labels" / "bundle=0123").mkdir(parents=True)
    with pytest.raises(UsageError, match="incremental"):
        folder.enter(str(tmp_path / "labels"), plan, "model", True)


def test_work_with_a_plan_of_another_version_is_refused(tmp_path, plan):
    (tmp_path / "labels" / "_work-0123").mkdir(parents=True)
    (tmp_path / "labels" / "_work-0123" / "plan.json").write_text('{"format": 99}')
    with pytest.raises(UsageError, match="its plan cannot be read"):
        folder.enter(str(tmp_path / "labels"), plan, "model", False)


def test_what_version_0_1_said_of_bad_files_makes_no_other_plan(tmp_path, plan):
    output = tmp_path / "labels"
    folder.enter(str(output), plan, "model", False)
    older = other(plan, on_bad_file="skip")
    assert older.digest == plan.digest
    assert folder.enter(str(output), older, "model", False)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([["a", "1"], ["b", "3"]], "b: changed"),
        ([["a", "1"]], "b: no longer an input"),
        ([["a", "1"], ["b", "2"], ["c", "3"], ["d", "4"]], "c and 1 more: a new input"),
        ([["b", "2"], ["a", "1"]], "its inputs stand in another order"),
    ],
)
def test_differences_of_sources(sources, expected):
    groups = {"settings": {}, "columns": {}, "reading": {}}
    before = {**groups, "sources": [["a", "1"], ["b", "2"]]}
    assert folder.differences(before, {**groups, "sources": sources}) == expected
