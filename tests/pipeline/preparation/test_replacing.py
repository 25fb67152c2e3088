"""Prepared data take the place of older ones whole, or not at all, whenever a run dies."""

import json
import os
import shutil

import pytest

from fakes import write_jsonl
from pipeline import durable, storage
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings
from pipeline.errors import NewsbeamError, UsageError
from pipeline.preparation.replacing import begin, replace, settle

ACTS = ("rename", "unlink", "rmdir", "replace", "mkdir")


class Dies(BaseException):
    pass


@pytest.fixture
def plan_of(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    inputs = [(str(write_jsonl(tmp_path / "a.jsonl", 3)), "jsonl")]
    return lambda letter: make_plan(
        inputs, ["title"], {"tokenizer": letter}, reading=ReadSettings(20)
    )


def stage(staging: str, letter: str, plan, files: int) -> None:
    """Writes what a preparation has written when it is whole."""
    for number in range(files):
        durable.write_bytes(f"{staging}/examples-000000-{number:06d}.parquet", letter.encode())
    durable.write_bytes(f"{staging}/transform/transform_fn/model.pb", letter.encode())
    described = {"format": 2, "labels": [], "tokenizer": {}, "rows": files, "plan": plan.digest}
    durable.write_json(f"{staging}/prepared.json", {**described, "letter": letter})


def prepare(output: str, plan_of, letter: str, files: int, overwrite: bool = True) -> None:
    settle(output)
    staging = begin(output, plan_of(letter), overwrite)
    if staging is not None:
        stage(staging, letter, plan_of(letter), files)
        replace(output, staging)


def whole(output: str) -> str | None:
    """Whose data are there, whole; None if there are none."""
    if not storage.exists(f"{output}/prepared.json"):
        return None
    described = storage.read_json(f"{output}/prepared.json")
    examples = [f.path for f in storage.files_in(output) if f.name.startswith("examples-")]
    assert len(examples) == described["rows"]
    paths = [*examples, f"{output}/transform/transform_fn/model.pb"]
    assert {storage.read_bytes(path).decode() for path in paths} == {described["letter"]}
    return described["letter"]


@pytest.mark.parametrize("counts", [(1, 3), (3, 1)])
def test_a_swap_that_dies_at_any_step_is_finished_by_the_next_run(
    tmp_path, plan_of, monkeypatch, counts
):
    output = tmp_path / "prepared"
    seen = set()
    for step in range(1, 60):
        shutil.rmtree(output, ignore_errors=True)
        prepare(str(output), plan_of, "a", counts[0])
        staging = begin(str(output), plan_of("b"), True)
        assert whole(str(output)) == "a"
        stage(staging, "b", plan_of("b"), counts[1])
        count = [0]
        with monkeypatch.context() as context:
            for name in ACTS:
                real = getattr(os, name)

                def stepped(*arguments, _real=real, _step=step, _count=count, **named):
                    _count[0] += 1
                    if _count[0] == _step:
                        raise Dies
                    return _real(*arguments, **named)

                context.setattr(os, name, stepped)
            try:
                replace(str(output), staging)
                break
            except Dies:
                pass
        seen.add(whole(str(output)))
        settle(str(output))
        assert whole(str(output)) == "b"
        assert sorted(path.name for path in output.iterdir())[-2:] == ["prepared.json", "transform"]
        assert not list(output.glob("_work/*"))
    assert step > 10
    assert seen == {"a", None, "b"}


def test_a_run_that_dies_before_its_data_are_whole_has_changed_nothing(tmp_path, plan_of):
    output = str(tmp_path / "prepared")
    prepare(output, plan_of, "a", 2)
    staging = begin(output, plan_of("b"), True)
    durable.write_bytes(f"{staging}/examples-000000-000000.parquet", b"b")
    assert whole(output) == "a"
    prepare(output, plan_of, "a", 2, overwrite=False)  # nothing to do
    assert whole(output) == "a"
    prepare(output, plan_of, "c", 1)
    assert whole(output) == "c"
    assert not (tmp_path / "prepared" / "_work").exists()


def test_what_came_meanwhile_and_is_none_of_ours_stays(tmp_path, plan_of):
    output = tmp_path / "prepared"
    prepare(str(output), plan_of, "a", 1)
    staging = begin(str(output), plan_of("b"), True)
    stage(staging, "b", plan_of("b"), 2)
    (output / "examples-000000-000001.parquet").write_text("my only copy")
    with pytest.raises(NewsbeamError, match="is there already, and is none of ours"):
        replace(str(output), staging)
    assert (output / "examples-000000-000001.parquet").read_text() == "my only copy"


def test_a_work_folder_of_somebody_elses_is_left_alone(tmp_path, plan_of):
    output = tmp_path / "prepared"
    prepare(str(output), plan_of, "a", 1)
    (output / "_work" / "new-drafts").mkdir(parents=True)
    (output / "_work" / "thesis.txt").write_text("my only copy")
    settle(str(output))
    with pytest.raises(UsageError, match=r"holds something else \(_work\)"):
        begin(str(output), plan_of("b"), True)
    assert (output / "_work" / "thesis.txt").read_text() == "my only copy"
    assert whole(str(output)) == "a"


def test_names_in_the_list_of_old_data_are_not_trusted(tmp_path, plan_of):
    output = tmp_path / "prepared"
    prepare(str(output), plan_of, "a", 1)
    staging = begin(str(output), plan_of("b"), True)
    stage(staging, "b", plan_of("b"), 1)
    (tmp_path / "thesis.txt").write_text("my only copy")
    listed = json.loads((output / "_work" / "old.json").read_text())
    (output / "_work" / "old.json").write_text(json.dumps([*listed, "../thesis.txt", "_work"]))
    replace(str(output), staging)
    assert whole(str(output)) == "b"
    assert (tmp_path / "thesis.txt").read_text() == "my only copy"


def test_a_swap_in_a_store_that_dies_is_finished(monkeypatch, plan_of):
    gcs = pytest.importorskip("gcs")
    import requests

    server, _ = gcs.start(monkeypatch)
    output = "gs://news/prepared"
    real = requests.Session.send
    try:
        for step in (1, 2, 4, 6, 8, 11, 99):
            durable.delete_folder(output)
            prepare(output, plan_of, "a", 2)
            staging = begin(output, plan_of("b"), True)
            stage(staging, "b", plan_of("b"), 1)
            count = [0]

            def send(session, request, _step=step, _count=count, **named):
                _count[0] += request.method != "GET"
                if _count[0] == _step:
                    raise Dies
                return real(session, request, **named)

            with monkeypatch.context() as context:
                context.setattr(requests.Session, "send", send)
                try:
                    replace(output, staging)
                except Dies:
                    assert step < 99
            whole(output)
            settle(output)
            assert whole(output) == "b"
            assert not storage.match(f"{output}/_work/**")
    finally:
        server.stop()
