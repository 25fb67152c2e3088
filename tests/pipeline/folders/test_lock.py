"""Who holds an output folder: the lock on a disk, the lease in a store (an emulator's)."""

import fcntl
import json
import os
import threading
from http import HTTPStatus

import pytest

from pipeline.errors import LockedError, UsageError
from pipeline.folders import lease
from pipeline.folders.lock import locked


def test_claim_on_a_disk_is_held_and_given_back(tmp_path):
    output = tmp_path / "a" / "labels"
    with locked(str(output)) as check:
        check()
        with pytest.raises(LockedError) as caught, locked(str(output)):
            pass
        assert f"process {os.getpid()} on " in str(caught.value)
        assert caught.value.exit_code == 4
    assert not output.exists()  # nothing was written, and it was not there before


def test_claim_leaves_what_was_written(tmp_path):
    with locked(f"file://{tmp_path}/labels"):
        (tmp_path / "labels" / "x").write_text("x")
    assert [path.name for path in (tmp_path / "labels").iterdir()] == ["x"]


def test_claim_of_a_dead_process_blocks_nobody(tmp_path):
    (tmp_path / "_claim").write_text(json.dumps({"host": "gone", "pid": 1, "since": "long ago"}))
    with locked(str(tmp_path)):
        assert json.loads((tmp_path / "_claim").read_text())["pid"] == os.getpid()


def test_claim_whose_file_was_taken_away_is_made_anew(tmp_path, monkeypatch):
    """A run that opened the file just before its holder deleted it must not hold a ghost."""
    real = fcntl.flock
    calls = []

    def flock(stream, how):
        if not calls:
            os.unlink(tmp_path / "_claim")
        calls.append(how)
        return real(stream, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(str(tmp_path)):
        assert (tmp_path / "_claim").exists()
    assert len(calls) == 2


def test_claim_where_no_folder_can_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write to"), locked(str(tmp_path / "file")):
        pass


def _link(path, other):
    path.symlink_to(other)


def _hard_link(path, other):
    path.hardlink_to(other)


def _copy(path, other):
    path.write_text(other.read_text())


def _pipe(path, _):
    os.mkfifo(path)


def _folder(path, _):
    path.mkdir()


@pytest.mark.parametrize("place", [_link, _hard_link, _copy, _pipe, _folder])
def test_what_is_no_lock_of_ours_is_left_alone(tmp_path, place):
    """Neither followed, if it is a link, nor overwritten, nor deleted."""
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("a year's work")
    lock = tmp_path / "labels" / "_claim"
    lock.parent.mkdir()
    place(lock, thesis)
    before = os.lstat(lock)
    with pytest.raises(UsageError, match="_claim is no lock of ours"), locked(str(lock.parent)):
        pass
    assert thesis.read_text() == "a year's work"
    after = os.lstat(lock)
    assert (after.st_ino, after.st_size, after.st_mode) == (
        before.st_ino,
        before.st_size,
        before.st_mode,
    )


def test_a_link_that_leads_nowhere_makes_nothing(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "_claim").symlink_to(tmp_path / "new")
    with pytest.raises(UsageError, match="no lock of ours"), locked(str(tmp_path / "labels")):
        pass
    assert not (tmp_path / "new").exists()


def test_a_store_without_a_lock_is_refused():
    with pytest.raises(UsageError, match="s3:// is not supported"), locked("s3://bucket/labels"):
        pass


@pytest.fixture
def bucket(monkeypatch):
    """A bucket of an emulator that runs in this process, on the loopback only.

    The emulator knows no preconditions; the one on a new generation is added to it here.
    """
    server = pytest.importorskip("gcp_storage_emulator.server")
    from gcp_storage_emulator.exceptions import NotFound
    from gcp_storage_emulator.handlers import objects

    upload = objects._multipart_upload
    one_at_a_time = threading.Lock()

    def checked(request, response, storage):
        wanted = request.query.get("ifGenerationMatch", [None])[0]
        name = request.data["meta"]["name"]
        with one_at_a_time:
            try:
                found = storage.get_file_obj(request.params["bucket_name"], name)
                generation = str(found["generation"])
            except NotFound:
                generation = "0"
            if wanted is not None and wanted != generation:
                response.status = HTTPStatus.PRECONDITION_FAILED
                response.json({"error": {"code": 412, "message": "conditionNotMet"}})
            else:
                upload(request, response, storage)

    monkeypatch.setattr(objects, "_multipart_upload", checked)
    emulator = server.create_server("127.0.0.1", 0, in_memory=True, default_bucket="bucket")
    emulator.start()
    host = f"http://127.0.0.1:{emulator._api._httpd.server_port}"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", host)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.2)
    monkeypatch.setattr(lease, "DEAD_SECONDS", 0.8)
    yield "gs://bucket/labels"
    emulator.stop()


def claim_object():
    import google.cloud.storage as gcs

    return gcs.Client().bucket("bucket").blob("labels/_claim")


def test_lease_is_held_renewed_and_given_back(bucket):
    with locked(bucket) as check:
        first = claim_object()
        first.reload()
        for _ in range(2):  # longer than a lease that nobody renews would last
            with pytest.raises(LockedError, match=f"process {os.getpid()} on"), locked(bucket):
                pass
            threading.Event().wait(0.6)
        check()
        later = claim_object()
        later.reload()
        assert later.generation != first.generation
    assert not claim_object().exists()


def test_lease_of_a_dead_run_is_taken_over(bucket):
    claim_object().upload_from_string(json.dumps({"host": "gone", "pid": 7, "since": "then"}))
    with pytest.raises(LockedError, match="process 7 on gone since then"), locked(bucket):
        pass
    threading.Event().wait(1.0)
    with locked(bucket) as check:
        check()
    assert not claim_object().exists()


def test_an_object_that_is_no_lock_of_ours_is_left_alone(bucket):
    claim_object().upload_from_string(b"a year's work")
    threading.Event().wait(1.0)
    with pytest.raises(UsageError, match="_claim is no lock of ours"), locked(bucket):
        pass
    assert claim_object().download_as_bytes() == b"a year's work"


def test_lease_that_only_seems_dead_is_left_alone(bucket, monkeypatch):
    """Our clock may be wrong: a living run renews while we wait."""

    def until_renewed(_seconds):
        seen = claim_object()
        seen.reload()
        now = claim_object()
        for _ in range(100):
            now.reload()
            if now.generation != seen.generation:
                return
            threading.Event().wait(0.05)

    with locked(bucket):
        monkeypatch.setattr(lease, "DEAD_SECONDS", -100.0)
        monkeypatch.setattr(lease, "TRIES", 1)
        monkeypatch.setattr(lease.time, "sleep", until_renewed)
        with pytest.raises(LockedError), locked(bucket):
            pass


def test_lease_that_another_run_took_is_noticed(bucket):
    with locked(bucket) as check:
        claim_object().upload_from_string(b"{}")
        threading.Event().wait(0.6)
        with pytest.raises(LockedError, match="was lost to another run"):
            check()


def test_lease_that_could_not_be_renewed_fences_itself(bucket, monkeypatch):
    """Well before another run may take it, and though nobody has."""
    monkeypatch.setattr(lease, "FENCE_SECONDS", 0.5)
    with locked(bucket) as check:
        check()

        def unreachable(*_, **__):
            raise ConnectionError("no route to the store")

        with monkeypatch.context() as context:
            context.setattr("google.cloud.storage.Blob.upload_from_string", unreachable)
            threading.Event().wait(1.0)
            with pytest.raises(LockedError, match=r"could not be reached for 0\.5 seconds"):
                check()


def test_lease_whose_renewal_was_not_acknowledged_is_still_ours(bucket):
    """The store took the renewal, but its answer never reached us."""
    with locked(bucket) as check:
        blob = claim_object()
        blob.upload_from_string(blob.download_as_bytes())
        threading.Event().wait(0.6)
        check()
