"""Corpus, bundle and labels on gs://: Google's own client over HTTP against an emulator."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gcp_storage_emulator.handlers import objects

import gcs
from fakes import fake_bundle
from pipeline import durable, storage
from pipeline.corpus.inputs import find_inputs
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings
from pipeline.errors import LockedError, UsageError
from pipeline.folders.lock import locked
from pipeline.launcher.command import run_command
from pipeline.score import score
from pipeline.worker.bundles import fetch, open_bundle


@pytest.fixture
def store(monkeypatch, tmp_path):
    """The requests that a new, empty store has served."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    server, requests = gcs.start(monkeypatch)
    yield requests
    server.stop()


def upload(folder: Path, path: str) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            durable.write_bytes(f"{path}/{file.relative_to(folder)}", file.read_bytes())


def names(pattern: str) -> list[str]:
    return [file.path.removeprefix("gs://news/") for file in storage.match(pattern)]


@pytest.fixture
def corpus(tmp_path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(3):
        rows = range(number * 50, number * 50 + 50)
        titles = [" " if row % 9 == 4 else f"w{row % 7} w{row % 11}" for row in rows]
        table = pa.table({"key": rows, "title": titles, "description": ["" for _ in rows]})
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=20)
    return folder


def test_files_in_a_store(store):
    durable.write_bytes("gs://news/a/b.txt", b"hello")
    durable.write_json("gs://news/a/c/d.json", [1])
    assert storage.open_input("gs://news/a/b.txt").read() == b"hello"
    assert storage.size("gs://news/a/b.txt") == 5
    assert storage.exists("gs://news/a/b.txt") and not storage.exists("gs://news/a/x")
    assert storage.files_in("gs://news/a") == [storage.FileInfo("gs://news/a/b.txt", 5)]
    assert storage.folders_in("gs://news/a") == ["c"]
    assert storage.named("gs://news/a", "c*/d.json")[0].path == "gs://news/a/c/d.json"
    durable.delete(["gs://news/a/never-was"])
    durable.delete_folder("gs://news/a")
    assert names("gs://news/**") == []
    for missing in (storage.read_json, storage.size):
        with pytest.raises(FileNotFoundError):
            missing("gs://news/none.json")


def test_planning_asks_three_times_for_each_input(store, corpus):
    """Its checksum; its size, and its footer."""
    upload(corpus, "gs://news/corpus")
    inputs = find_inputs(["gs://news/corpus"])
    store.clear()
    plan = make_plan(inputs, ["title"], {"bundle": "0"}, reading=ReadSettings(50))
    assert len(plan.items) == 3
    by_input = Counter(path.rpartition("%2F")[2].rpartition("/")[2] for _, path in store)
    assert {name: by_input[name] for name in ("0.parquet", "1.parquet", "2.parquet")} == {
        "0.parquet": 3,
        "1.parquet": 3,
        "2.parquet": 3,
    }
    assert len(store) <= 3 * 3 + 1  # what the bucket is, once a process


def test_a_folder_is_deleted_by_a_hundred(store):
    """80,000 checkpoints with some requests each would take hours inside the commit."""
    for number in range(120):
        durable.write_bytes(f"gs://news/out/work/{number:03d}", b"x")
    durable.write_bytes("gs://news/out/work-of-another", b"x")
    store.clear()
    durable.delete_folder("gs://news/out/work")
    assert Counter(store)["POST", "/batch/storage/v1"] == 2
    assert len(store) <= 2 + 3  # a listing, and what the client asks of the bucket
    assert names("gs://news/**") == ["out/work-of-another"]
    store.clear()
    durable.delete([f"gs://news/out/{name}" for name in ("never-was", "work-of-another")])
    assert Counter(store)["POST", "/batch/storage/v1"] == 1
    assert names("gs://news/**") == []


def test_an_object_that_cannot_be_deleted_is_an_error(store, monkeypatch):
    durable.write_bytes("gs://news/a", b"x")

    def forbidden(request, item, storage, bucket, name, meta, response):
        response.write("HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n\r\n{}\r\n")
        return True

    monkeypatch.setitem(objects._BATCH_METHOD_HANDLERS, "DELETE", forbidden)
    with pytest.raises(PermissionError, match="HTTP status 403"):
        durable.delete(["gs://news/a"])


def test_a_failed_write_leaves_nothing(store):
    with pytest.raises(ZeroDivisionError), durable.writing("gs://news/half") as stream:
        stream.write(b"half")
        _ = 1 / 0
    assert names("gs://news/**") == []


def test_labels_on_gs_equal_the_local_ones(store, corpus, tmp_path, play):
    bundle = tmp_path / "bundle"
    fake_bundle(bundle)
    upload(bundle, "gs://news/models/fake")
    upload(corpus, "gs://news/corpus")
    columns = ["--id_column", "key", "--shard_rows", "7"]
    local = ["--input", str(corpus), "--model", str(bundle), "--output", str(tmp_path / "out")]
    remote = ["--input", "gs://news/corpus", "--model", "gs://news/models/fake/"]
    remote += ["--output", "gs://news/out"]
    assert score([*local, *columns]) == 0
    assert score([*remote, *columns]) == 0
    assert names("gs://news/out/**") == [
        "out/_SUCCESS",
        "out/_manifest.json",
        *[n for n in names("gs://news/out/*") if n.endswith(".html")],
        "out/part-00000-of-00001.parquet",
    ]
    expected = pq.read_table(tmp_path / "out" / "part-00000-of-00001.parquet")
    with storage.open_input("gs://news/out/part-00000-of-00001.parquet") as stream:
        found = pq.read_table(stream)
    assert found.num_rows == 150
    assert found.drop_columns("source").equals(expected.drop_columns("source"))
    manifest = storage.read_json("gs://news/out/_manifest.json")
    sources = dict(manifest["plan"]["sources"])
    assert list(sources) == [f"gs://news/corpus/{n}.parquet" for n in range(3)]
    assert all(print_of.startswith("checksum:") for print_of in sources.values())
    before = len(store)
    assert score([*remote, *columns]) == 0  # the same again: nothing to do
    assert not any(method == "POST" and "part-" in path for method, path in store[before:])


def test_a_cascade_fetches_both_bundles(store, corpus, tmp_path, play):
    for name in ("small", "large"):
        upload(Path(fake_bundle(tmp_path / name, name)), f"gs://news/models/{name}")
    upload(corpus, "gs://news/corpus")
    flags = ["--input", "gs://news/corpus", "--output", "gs://news/out", "--confidence", "0.7"]
    models = ["--model", "gs://news/models/small", "--then", "gs://news/models/large"]
    assert score([*flags, *models]) == 0
    with storage.open_input("gs://news/out/part-00000-of-00001.parquet") as stream:
        found = pq.read_table(stream).to_pylist()
    labelled = [row for row in found if row["error"] is None]
    assert {row["model"] for row in labelled} == {"small", "large"}
    assert all(row["model"] == "large" for row in labelled if row["score"] < 0.7)
    manifest = storage.read_json("gs://news/out/_manifest.json")
    assert manifest["then"]["model"] == "gs://news/models/large"


def test_wrong_use_is_one_line(store, corpus, tmp_path, play, capsys):
    bundle = tmp_path / "bundle"
    fake_bundle(bundle)
    where = ["--input", "gs://news/nothing/*.parquet", "--output", "gs://news/out"]
    assert run_command(score, [*where, "--model", str(bundle)]) == 2
    assert run_command(score, [*where, "--model", "gs://news/nowhere"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert errors == [
        "newsbeam: no input: there is no file gs://news/nothing/*.parquet",
        "newsbeam: no bundle at gs://news/nowhere: it has no bundle.json",
    ]
    assert names("gs://news/**") == []


def test_a_bundle_is_fetched_once_a_machine_and_checked(store, tmp_path):
    bundle = tmp_path / "bundle"
    fake_bundle(bundle)
    upload(bundle, "gs://news/models/fake")
    fetched = fetch("gs://news/models/fake")
    files = [path.relative_to(fetched) for path in Path(fetched).rglob("*") if path.is_file()]
    assert sorted(map(str, files)) == ["bundle.json", "transform/vocabulary"]
    before = store.listings()
    assert fetch("gs://news/models/fake") == fetched
    assert store.listings() == before
    # Another bundle under the same path is another folder; a damaged one is refused.
    described = json.loads((bundle / "bundle.json").read_text())
    described["files"]["transform/vocabulary"] = "0" * 64
    durable.write_json("gs://news/models/fake/bundle.json", described)
    open_bundle.cache_clear()
    with pytest.raises(UsageError, match="vocabulary"):
        open_bundle("gs://news/models/fake")
    assert fetch("gs://news/models/fake") != fetched


def test_the_claim_is_an_object_that_only_one_can_make(store):
    with locked("gs://news/out") as check:
        assert names("gs://news/out/**") == ["out/_claim"]
        check()
        with pytest.raises(LockedError, match="is locked by process"), locked("gs://news/out"):
            pass
        with locked("gs://news/elsewhere"):
            pass
    assert names("gs://news/**") == []
    with locked("gs://news/out"):
        pass
