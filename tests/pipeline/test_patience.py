"""A store that fails for a moment is asked again; one that refuses is not."""

import functools
import io

import pytest
import requests
from google.api_core import exceptions as google

from pipeline import objects, patience, storage
from pipeline.patience import PatientStream, passes, patiently


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The pauses that were made, of which none takes time."""
    made: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", made.append)
    return made


def failing(*errors):
    """An act that raises these errors, one a try, and then answers."""
    left = list(errors)

    def act():
        if left:
            raise left.pop(0)
        return "answer"

    return act


PASSING = [
    google.ServiceUnavailable("503"),
    google.TooManyRequests("429"),
    google.RetryError("two minutes are over", google.ServiceUnavailable("503")),
    requests.exceptions.ConnectionError("reset"),
    requests.exceptions.ChunkedEncodingError("half an answer"),
    ConnectionResetError(104, "Connection reset by peer"),
    TimeoutError(),
]
LASTING = [
    google.NotFound("404"),
    google.Forbidden("403"),
    google.PreconditionFailed("412"),
    FileNotFoundError(2, "No such file"),
    OSError(28, "No space left on device"),
    ValueError("no number"),
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_passes_is_tried_again_with_longer_pauses(error, pauses):
    assert patiently(failing(error, error, error)) == "answer"
    assert pauses == [1.0, 4.0, 16.0]
    with pytest.raises(type(error)):
        patiently(failing(error, error, error, error))


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_what_lasts_is_raised_at_once(error, pauses):
    with pytest.raises(type(error)):
        patiently(failing(error))
    assert pauses == []


def test_what_beam_has_gathered():
    from apache_beam.io.filesystem import BeamIOError

    inner = BeamIOError("List failed", {"gs://a/": google.ServiceUnavailable("503")})
    assert passes(BeamIOError("Match failed", {"gs://a/*": inner}))
    assert not passes(BeamIOError("Match failed", {"gs://a/*": google.Forbidden("403")}))


class Flaky(io.BytesIO):
    """Every third read fails, and what was read of it is lost."""

    reads = 0
    opened = 0

    def __init__(self, content: bytes):
        super().__init__(content)
        Flaky.opened += 1

    def read(self, size=-1):
        Flaky.reads += 1
        content = super().read(size)
        if Flaky.reads % 3 == 0:
            raise google.ServiceUnavailable("503")
        return content


def test_a_stream_is_read_on_where_it_failed():
    content = bytes(range(256)) * 40
    stream = PatientStream(lambda: Flaky(content))
    opened = Flaky.opened
    found = b""
    while part := stream.read(100):
        found += part
        assert stream.tell() == len(found)
    assert found == content
    assert Flaky.opened > opened + 20
    assert stream.seek(-5, io.SEEK_END) == len(content) - 5
    assert stream.read() == content[-5:]
    stream.seek(3)
    assert io.BufferedReader(stream).read(4) == content[3:7]


def test_all_that_reads_a_store_goes_this_way(monkeypatch):
    """A client that fails at every first try of each act."""

    class Store:
        def __init__(self):
            self.tries = {}

        def _act(self, name, answer):
            self.tries[name] = self.tries.get(name, 0) + 1
            if self.tries[name] == 1:
                raise google.ServiceUnavailable("503")
            return answer

        def open(self, path, mode):
            return self._act("open", io.BytesIO(b"content"))

        def exists(self, path):
            return self._act("exists", True)

    store = Store()
    monkeypatch.setattr(objects, "google", lambda: store)
    for name, answer in (("status", (7, "crc")), ("folders", ["a"])):
        act = functools.partial(store._act, name, answer)
        monkeypatch.setattr(objects, name, lambda _, act=act: act())
    assert storage.read_bytes("gs://b/x") == b"content"
    assert storage.exists("gs://b/x")
    assert storage.size("gs://b/x") == 7
    assert storage.folders_in("gs://b/x") == ["a"]
    assert set(store.tries.values()) == {2}
