"""A store that refuses for a moment, loses answers, lists slowly, and holds placeholders."""

import itertools
from collections import Counter

import pyarrow.parquet as pq
import pytest
from gcp_storage_emulator.handlers import objects

import gcs
from fakes import fake_bundle, write_jsonl
from pipeline import durable, storage
from pipeline.corpus.inputs import find_inputs
from pipeline.folders.lock import locked
from pipeline.score import score

COLUMNS = ["--shard_rows", "20"]


@pytest.fixture
def store(monkeypatch, tmp_path):
    """The requests that a store with a corpus and a bundle has served; retries don't wait."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    monkeypatch.setattr(
        "google.api_core.retry.retry_unary.exponential_sleep_generator",
        lambda *_, **__: itertools.repeat(0.001),
    )
    (tmp_path / "temp").mkdir()
    server, requests = gcs.start(monkeypatch)
    fake_bundle(tmp_path / "bundle")
    (tmp_path / "corpus").mkdir()
    for number in range(3):
        write_jsonl(tmp_path / "corpus" / f"{number}.jsonl", 50, seed=number)
    for folder in ("bundle", "corpus"):
        for file in (tmp_path / folder).rglob("*"):
            if file.is_file():
                relative = file.relative_to(tmp_path)
                durable.write_bytes(f"gs://news/{relative}", file.read_bytes())
    yield requests
    server.stop()


def run(output: str) -> int:
    where = ["--input", "gs://news/corpus", "--model", "gs://news/bundle", "--output", output]
    return score([*where, *COLUMNS])


def rows(folder: str) -> list[dict]:
    found = []
    for file in storage.named(folder, "part-*"):
        with storage.open_input(file.path) as stream:
            found += pq.read_table(stream).to_pylist()
    return found


def place_folder(path: str) -> None:
    """Makes what a console makes for a new folder: an empty object with a slash at its end."""
    import google.cloud.storage as client

    client.Client().bucket(gcs.BUCKET).blob(path).upload_from_string(b"")


def test_a_folders_placeholder_is_no_input_and_no_file(store, play):
    before = find_inputs(["gs://news/corpus"])
    for path in ("corpus/", "corpus/old/", "out/", "bundle/", "bundle/transform/"):
        place_folder(path)
    assert find_inputs(["gs://news/corpus"]) == before
    assert find_inputs(["gs://news/corpus/"]) == before
    assert storage.files_in("gs://news/out") == []
    assert run("gs://news/out") == 0
    assert len(rows("gs://news/out")) == 150
    durable.delete_folder("gs://news/corpus")
    place_folder("corpus-of-another/")
    names = [blob.name for blob in bucket().list_blobs(prefix="corpus")]
    assert names == ["corpus-of-another/"]


def bucket():
    import google.cloud.storage as client

    return client.Client().bucket(gcs.BUCKET)


def test_a_store_that_refuses_for_a_moment_costs_no_row(store, play):
    assert run("gs://news/calm") == 0
    store.trouble = lambda _method, _path, n: {0: 503, 4: 429}.get(n % 9)
    store.clear()
    assert run("gs://news/out") == 0
    store.trouble = lambda *_: None
    assert len(store) > 100
    assert rows("gs://news/out") == rows("gs://news/calm")
    assert [file.name for file in storage.match("gs://news/out/**")] == [
        file.name for file in storage.match("gs://news/calm/**")
    ]


def test_what_the_client_gives_up_is_read_all_the_same(store, play, monkeypatch):
    """Of every eight questions one is refused, and Google's client doesn't ask again."""
    assert run("gs://news/calm") == 0
    refused = Counter()

    def trouble(method, path, number):
        if method != "GET" or number % 8:
            return None
        refused[path] += 1
        return (429, 503)[number % 16 == 0]

    monkeypatch.setattr("google.api_core.retry.Retry.__call__", lambda _, act, *__: act)
    monkeypatch.setattr("pipeline.patience.PAUSES", (0.0, 0.0, 0.0))
    store.clear()
    store.trouble = trouble
    assert run("gs://news/out") == 0
    store.trouble = lambda *_: None
    assert sum(refused.values()) > 10
    assert rows("gs://news/out") == rows("gs://news/calm")
    assert [file.name for file in storage.match("gs://news/out/**")] == [
        file.name for file in storage.match("gs://news/calm/**")
    ]


def test_answers_that_are_lost_double_nothing(store, play):
    """What was asked for is done, but the client hears of an error and asks again."""
    assert run("gs://news/calm") == 0
    asked, lost = Counter(), Counter()

    def trouble(method, path, _number):
        is_upload = method == "POST" and path.startswith("/upload/")
        if is_upload or method in ("GET", "DELETE") or "batch" in path:
            asked[method] += 1
            if asked[method] % 4 == 0:
                lost[method] += 1
                return -503
        return None

    store.trouble = trouble
    assert run("gs://news/out") == 0
    store.trouble = lambda *_: None
    assert lost["POST"] > 3 and lost["GET"] > 3
    assert rows("gs://news/out") == rows("gs://news/calm")


def test_the_lock_is_ours_although_the_answer_was_lost(store):
    answers = iter([-503])
    store.trouble = lambda method, _path, _n: next(answers, None) if method == "POST" else None
    with locked("gs://news/out") as check:
        check()
    assert storage.match("gs://news/out/**") == []


def test_single_deletions_of_a_batch_that_are_refused_are_tried_again(store, monkeypatch):
    for number in range(30):
        durable.write_bytes(f"gs://news/work/{number}", b"x")
    refused = Counter()
    delete = objects._BATCH_METHOD_HANDLERS["DELETE"]

    def busy(request, item, storage, bucket, name, meta, response):
        if name.endswith("7") and refused[name] < 2:
            refused[name] += 1
            head = "Content-Type: application/json\r\n\r\n{}\r\n"
            response.write(f"HTTP/1.1 {[429, 503][refused[name] - 1]} Busy\r\n{head}")
            return True
        return delete(request, item, storage, bucket, name, meta, response)

    monkeypatch.setitem(objects._BATCH_METHOD_HANDLERS, "DELETE", busy)
    durable.delete_folder("gs://news/work")
    assert refused == {"work/7": 2, "work/17": 2, "work/27": 2}
    assert storage.match("gs://news/work/**") == []


def test_a_listing_in_many_slow_pages_is_read_to_its_end(store, play):
    assert run("gs://news/calm") == 0
    store.page, store.delay = 2, 0.02
    store.clear()
    assert run("gs://news/out") == 0
    assert store.listings() > 20
    assert rows("gs://news/out") == rows("gs://news/calm")
    assert [file.name for file in storage.match("gs://news/out/**")] == [
        file.name for file in storage.match("gs://news/calm/**")
    ]
