"""What a run finds in its output folder, and what it may do there."""

import dataclasses
import hashlib
import json

import pytest

from fakes import write_jsonl
from outputs import state
from pipeline import durable
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings
from pipeline.errors import UsageError
from pipeline.folders import folder

TEMPORARY = f"{durable.TEMPORARY}{32 * 'a'}"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = write_jsonl(tmp_path / "news.jsonl", 5)
    settings = {"bundle": "b" * 64, "version": "1"}
    return make_plan([(str(path), "jsonl")], ["title"], settings, reading=ReadSettings(10))


def other(plan, **settings):
    return dataclasses.replace(plan, settings={**plan.settings, **settings})


def publish(output, plan, success=None):
    """What the publisher leaves; version 0.1 left an empty `_SUCCESS`."""
    part = {"name": "part-00000-of-00001.parquet"}
    (output / part["name"]).write_bytes(b"rows")
    manifest = {"plan": identity(plan), "finished": "now", "parts": [part]}
    durable.write_json(str(output / "_manifest.json"), manifest)
    if success is None:
        success = hashlib.sha256((output / "_manifest.json").read_bytes()).hexdigest().encode()
    (output / "_SUCCESS").write_bytes(success)


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
    for name in (TEMPORARY, "failed-1.json", "worker-here-1-1", "000000-000000.parquet"):
        (work / name).write_text("{}")
    (output / TEMPORARY).write_text("half a page")
    assert folder.enter(str(output), plan, "model", False)
    assert names(work) == ["000000-000000.parquet", "plan.json", "started.json"]
    assert names(output) == [work.name]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("success", [None, b""])
def test_a_published_run_is_done(tmp_path, plan, slash, success):
    output = tmp_path / "labels"
    folder.enter(str(output), plan, "model", False)
    publish(output, plan, success)
    (output / TEMPORARY).write_text("")
    assert not folder.enter(f"{output}{slash}", plan, "model", False)
    assert names(output) == ["_SUCCESS", "_manifest.json", "part-00000-of-00001.parquet"]


FOREIGN_FOLDERS = ("_work-drafts", "_work-0123456789ab", "_work-of-the-plan")


def make_foreign(output, plan):
    """Folders of somebody else's that look like ours: the last has a plan, but another's name."""
    for name in FOREIGN_FOLDERS:
        (output / name).mkdir(parents=True)
        (output / name / "thesis.txt").write_text("a year's work")
    folder.save_plan(plan, str(output / FOREIGN_FOLDERS[1] / "plan.json"))
    (output / ".tmp-1").write_text("somebody else's")


def foreign(output):
    found = sorted(path.parent.name for path in output.glob("*/thesis.txt"))
    return found == sorted(FOREIGN_FOLDERS) and (output / ".tmp-1").exists()


def test_a_folder_of_somebody_elses_is_never_deleted(tmp_path, plan):
    output = tmp_path / "labels"
    make_foreign(output, plan)
    with pytest.raises(UsageError, match="holds something else"):
        folder.enter(str(output), plan, "model", False)
    assert foreign(output)
    assert folder.enter(str(output), plan, "model", True)
    publish(output, plan)
    assert not folder.enter(str(output), plan, "model", False)
    changed = other(plan, bundle="c" * 64)
    assert folder.enter(str(output), changed, "model", True)
    assert foreign(output)


def test_a_work_folder_that_is_a_link_is_not_followed(tmp_path, plan):
    output = tmp_path / "labels"
    elsewhere = tmp_path / "elsewhere"
    folder.enter(str(tmp_path / "first"), plan, "model", False)
    name = f"_work-{plan.digest[:12]}"
    (tmp_path / "first" / name).rename(elsewhere)
    output.mkdir()
    (output / name).symlink_to(elsewhere)
    before = {path: path.read_bytes() for path in elsewhere.iterdir()}
    with pytest.raises(UsageError, match="is a symbolic link"):
        folder.enter(str(output), plan, "model", True)
    changed = other(plan, bundle="c" * 64)
    assert folder.enter(str(output), changed, "model", True)
    assert {path: path.read_bytes() for path in elsewhere.iterdir()} == before


@pytest.mark.parametrize(
    "name",
    ["part-of-my-thesis.docx", "part-00000-of-00001.parquet", "_SUCCESS", "_manifest.json"],
)
def test_somebody_elses_files_under_our_names_are_refused(tmp_path, plan, name):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / name).write_text("a year's work")
    with pytest.raises(UsageError, match=f"holds something else .{name}.; use another --output$"):
        folder.enter(str(tmp_path / "labels"), plan, "model", True)
    assert (tmp_path / "labels" / name).read_text() == "a year's work"
    assert names(tmp_path / "labels") == [name]


def test_a_work_folder_without_a_plan_is_left_alone(tmp_path, plan):
    """A run may die before its plan is saved; another's may be there, too."""
    output = tmp_path / "labels"
    (output / "_work-0123456789ab").mkdir(parents=True)
    (output / "_work-0123456789ab" / "000000-000000.parquet").write_text("")
    (output / TEMPORARY).write_text("")
    assert folder.enter(str(output), plan, "model", False)
    assert names(output) == ["_work-0123456789ab", f"_work-{plan.digest[:12]}"]


def test_another_run_is_refused_unless_overwritten(tmp_path, plan):
    output = tmp_path / "labels"
    folder.enter(str(output), plan, "model", False)
    publish(output, plan)
    changed = other(plan, bundle="c" * 64)
    with pytest.raises(UsageError, match="bundle: bbbbbbbbbbbb… there, cccccccccccc… now"):
        folder.enter(str(output), changed, "model", False)
    assert state(output) == "published"
    assert folder.enter(str(output), changed, "model", True)
    # The old run stays published until the new one has passed its checks.
    published = ["_SUCCESS", "_manifest.json", "part-00000-of-00001.parquet"]
    assert names(output) == [*published[:2], f"_work-{changed.digest[:12]}", published[2]]
    assert not folder.enter(str(output), plan, "model", False)
    with pytest.raises(UsageError, match="holds another run"):
        folder.enter(str(output), changed, "model", False)
    # A third one gives the second one's work up.
    third = other(plan, bundle="d" * 64)
    assert folder.enter(str(output), third, "model", True)
    assert names(output) == [*published[:2], f"_work-{third.digest[:12]}", published[2]]


def test_unfinished_work_of_another_run_is_refused_unless_overwritten(tmp_path, plan):
    output = tmp_path / "labels"
    folder.enter(str(output), plan, "model", False)
    changed = other(plan, bundle="c" * 64)
    with pytest.raises(UsageError, match="unfinished work of another run"):
        folder.enter(str(output), changed, "model", False)
    assert folder.enter(str(output), changed, "model", True)
    assert names(output) == [f"_work-{changed.digest[:12]}"]


def test_overwriting_the_same_plan_begins_anew_and_goes_on(tmp_path, plan):
    output = tmp_path / "labels"
    folder.enter(str(output), plan, "model", False)
    publish(output, plan)
    work = output / f"_work-{plan.digest[:12]}"
    (work / "000000-000000.parquet").write_text("")  # left by a run that died behind its commit
    assert folder.enter(str(output), plan, "model", True)
    assert names(work) == ["plan.json", "started.json"]
    (work / "000000-000000.parquet").write_text("")  # its own work, which it goes on with
    assert folder.enter(str(output), plan, "model", True)
    assert names(work) == ["000000-000000.parquet", "plan.json", "started.json"]
    assert not folder.enter(str(output), plan, "model", False)
    assert names(work) == ["000000-000000.parquet", "plan.json", "started.json"]


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
    work = tmp_path / "labels" / "_work-0123456789ab"
    work.mkdir(parents=True)
    digest = "0123456789ab" + 52 * "c"
    (work / "plan.json").write_text(json.dumps({"format": 99, "digest": digest}))
    with pytest.raises(UsageError, match="its plan cannot be read"):
        folder.enter(str(tmp_path / "labels"), plan, "model", False)


def test_what_version_0_1_said_of_bad_files_makes_no_other_plan(tmp_path, plan):
    output = tmp_path / "labels"
    folder.enter(str(output), plan, "model", False)
    older = other(plan, on_bad_file="skip")
    assert older.digest == plan.digest
    assert folder.enter(str(output), older, "model", False)
