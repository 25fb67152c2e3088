"""One run takes the place of another: dying at every step, taken over at every step."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fakes import write_jsonl
from pipeline import durable, layout, storage
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings
from pipeline.folders import folder
from pipeline.output import moves, swap
from pipeline.output.moves import TakenOverError
from pipeline.output.parts import Part, described
from pipeline.output.published import published_manifest
from pipeline.output.work import work_folder


class Dies(BaseException):
    """The process is lost."""


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Begins a run that has packed its parts: its work folder and its manifest."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = write_jsonl(tmp_path / "news.jsonl", 5)

    def begun(letter: str, parts: int, overwrite=False, output=str(tmp_path / "labels")):
        settings = {"bundle": letter * 64, "version": "1"}
        plan = make_plan([(str(path), "jsonl")], ["title"], settings, reading=ReadSettings(10))
        assert folder.enter(output, plan, "model", overwrite)
        work = work_folder(output, plan)
        entries = []
        for number in range(parts):
            part = Part(layout.part_name(number, parts), [f"{number}"], [1])
            about = {"plan": plan.digest, "checkpoints": part.checkpoints()}
            table = pa.table({"run": [letter]}).replace_schema_metadata(
                {"newsbeam": json.dumps(about)}
            )
            with durable.writing(f"{work}/{part.name}") as stream:
                pq.write_table(table, stream)
            entries.append(described(part, f"{work}/{part.name}"))
        manifest = {"plan": {"digest": plan.digest, **plan.identity()}, "parts": entries}
        over = folder.read_started(work)["over"]
        return plan, lambda: swap.publish(output, work, manifest, b"page", over)

    return begun


def check_published(output: Path | str, expected: set[str]) -> str | None:
    """Whose run is published, if one is: it is there whole, and nothing else is.

    A reader of `part-*` never finds parts of two runs.
    """
    import pyarrow.parquet as pq

    parts = [file for file in storage.files_in(str(output)) if file.name.startswith("part-")]
    letters = set()
    for part in parts:
        with storage.open_input(part.path) as stream:
            letters |= set(pq.read_table(stream)["run"].to_pylist())
    assert len(letters) <= 1
    manifest = published_manifest(str(output))
    if manifest is None:
        return None
    assert [part.name for part in parts] == [part["name"] for part in manifest["parts"]]
    [letter] = letters
    assert manifest["plan"]["settings"]["bundle"][0] == letter
    assert letter in expected
    return letter


ACTS = ("rename", "link", "mkdir", "unlink", "rmdir", "replace")


def stepping(monkeypatch, act) -> None:
    """Calls `act(number)` before every act that changes names on the disk."""
    count = [0]
    for name in ACTS:
        real = getattr(os, name)

        def stepped(*arguments, _real=real, **named):
            count[0] += 1
            act(count[0])
            return _real(*arguments, **named)

        monkeypatch.setattr(os, name, stepped)


@pytest.mark.parametrize("counts", [(1, 1), (3, 2), (1, 3)])
def test_a_swap_that_dies_at_any_step_is_finished_by_the_next_run(
    tmp_path, begin, monkeypatch, counts
):
    output = tmp_path / "labels"
    was_old = was_none = 0
    for step in range(1, 80):
        shutil.rmtree(output, ignore_errors=True)
        begin("a", counts[0])[1]()
        assert check_published(output, {"a"}) == "a"
        plan, publish = begin("b", counts[1], overwrite=True)

        def die(number, step=step):
            if number == step:
                raise Dies

        with monkeypatch.context() as context:
            stepping(context, die)
            try:
                publish()
                break
            except Dies:
                pass
        before = check_published(output, {"a", "b"})
        was_old += before == "a"
        was_none += before is None
        is_decided = any(output.glob("_work-*/swap-*/swap.json"))
        if before == "a" and not is_decided:  # what was published stands, and the work goes on
            assert folder.enter(str(output), plan, "model", True)
            continue
        # A plain repeat of the command finds the run published.
        assert not folder.enter(str(output), plan, "model", step % 2 == 0 and before != "b")
        assert check_published(output, {"b"}) == "b"
        assert not list(output.glob("_work-*"))
    assert step > 15
    assert was_old and was_none


def test_an_attempt_that_was_taken_over_does_nothing_more(tmp_path, begin, monkeypatch):
    """A worker that outlived its run wakes up at any step of its swap."""
    output = tmp_path / "labels"
    for step in range(1, 80):
        shutil.rmtree(output, ignore_errors=True)
        begin("a", 2)[1]()
        plan, publish = begin("b", 3, overwrite=True)
        woken = []

        def takes_over(number, step=step, plan=plan, woken=woken):
            if number == step and not woken:
                woken.append(number)
                try:
                    begin("c", 1, overwrite=True)[1]()
                finally:
                    assert check_published(output, {"b", "c"}) in ("b", "c")

        with monkeypatch.context() as context:
            stepping(context, takes_over)
            try:
                publish()
            except (TakenOverError, FileNotFoundError):
                assert woken
        if not woken:
            break
        assert check_published(output, {"c"}) == "c"
    assert step > 15


def test_somebody_elses_part_is_not_overwritten(tmp_path, begin):
    _, publish = begin("a", 1)
    part = tmp_path / "labels" / layout.part_name(0, 1)
    part.write_text("a year's work")
    with pytest.raises(Exception, match="is there already, and is none of ours"):
        publish()
    assert part.read_text() == "a year's work"
    assert published_manifest(str(tmp_path / "labels")) is None


def test_another_run_that_was_published_meanwhile_stays(tmp_path, begin):
    output = tmp_path / "labels"
    begin("a", 2)[1]()
    _, publish = begin("b", 1, overwrite=True)
    hidden = next(output.glob("_work-*"))
    hidden.rename(tmp_path / hidden.name)
    begin("c", 1, overwrite=True)[1]()
    (tmp_path / hidden.name).rename(hidden)
    with pytest.raises(swap.OvertakenError, match="another run was published"):
        publish()
    assert check_published(output, {"c"}) == "c"
    assert swap.finish_swaps(str(output)) == []


def test_a_manifest_that_was_changed_is_no_published_run(tmp_path, begin):
    begin("a", 1)[1]()
    path = tmp_path / "labels" / "_manifest.json"
    path.write_text(path.read_text().replace('"parts"', '"Parts"'))
    assert published_manifest(str(tmp_path / "labels")) is None


def test_a_file_system_without_links(tmp_path, begin, monkeypatch):
    def refuses(source, target):
        if os.path.exists(source):
            raise PermissionError(1, "Operation not permitted")
        raise FileNotFoundError(2, "No such file", source)

    monkeypatch.setattr(moves.os, "link", refuses)
    begin("a", 3)[1]()
    assert check_published(tmp_path / "labels", {"a"}) == "a"
    begin("b", 2, overwrite=True)[1]()
    assert check_published(tmp_path / "labels", {"b"}) == "b"
    assert not list((tmp_path / "labels").glob(f"{durable.TEMPORARY}*"))


@pytest.fixture
def store(monkeypatch):
    """A folder in a store of its own."""
    gcs = pytest.importorskip("gcs")
    server, _ = gcs.start(monkeypatch)
    yield "gs://news/labels"
    server.stop()


def stepping_store(monkeypatch, act) -> None:
    """Calls `act(number)` before every request that changes the store."""
    import requests

    real, count = requests.Session.send, [0]

    def send(session, request, **named):
        if request.method != "GET":
            count[0] += 1
            act(count[0])
        return real(session, request, **named)

    monkeypatch.setattr(requests.Session, "send", send)


STRIDES = [4, pytest.param(1, marks=pytest.mark.slow)]


@pytest.mark.parametrize("stride", STRIDES)
def test_a_swap_in_a_store_that_dies_at_any_step_is_finished(begin, store, monkeypatch, stride):
    seen = set()
    for step in range(1, 80, stride):
        durable.delete_folder(store)
        begin("a", 2, output=store)[1]()
        plan, publish = begin("b", 1, overwrite=True, output=store)

        def die(number, step=step):
            if number == step:
                raise Dies

        with monkeypatch.context() as context:
            stepping_store(context, die)
            try:
                publish()
                break
            except Dies:
                pass
        before = check_published(store, {"a", "b"})
        seen.add(before)
        if folder.enter(store, plan, "model", before == "a"):
            assert before == "a"  # it was not decided: the work goes on
            continue
        assert check_published(store, {"b"}) == "b"
    assert check_published(store, {"b"}) == "b"
    assert not [file for file in storage.match(f"{store}/**") if "_work-" in file.path]
    assert step > 10
    assert {"a", None} <= seen


@pytest.mark.parametrize("stride", STRIDES)
def test_an_attempt_in_a_store_that_was_taken_over_does_nothing_more(
    begin, store, monkeypatch, stride
):
    for step in range(1, 80, stride):
        durable.delete_folder(store)
        begin("a", 2, output=store)[1]()
        _, publish = begin("b", 3, overwrite=True, output=store)
        woken = []

        def takes_over(number, step=step, woken=woken):
            if number == step and not woken:
                woken.append(number)
                # In a thread of its own: Google's client gathers what this one asks for, for a
                # deletion of many objects in one request.
                with ThreadPoolExecutor(1) as other:
                    other.submit(lambda: begin("c", 1, overwrite=True, output=store)[1]()).result()

        with monkeypatch.context() as context:
            stepping_store(context, takes_over)
            try:
                publish()
            except (TakenOverError, swap.OvertakenError, FileNotFoundError):
                assert woken
        if not woken:
            break
        assert check_published(store, {"c"}) == "c"
    assert step > 10
