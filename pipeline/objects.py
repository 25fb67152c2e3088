"""Acts on single objects of Google Cloud Storage, on condition that nobody was faster.

The store counts an object's generations, and acts only if the one that was seen is there.
"""

import errno
import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apache_beam.io.filesystems import FileSystems

from pipeline.patience import patiently

GOOGLE = "gs://"
_one_at_a_time = threading.Lock()
CONNECTIONS = 64  # that a process keeps open, as planning looks into as many inputs at a time


def google() -> Any:
    """Beam's client of Google Cloud Storage, one a process.

    Beam's file system makes a new one for each of its acts: a new connection, and a request that
    asks what the bucket is. With 200,000 inputs that is an hour.
    """
    with _one_at_a_time:  # 64 threads that begin at once would make one each
        return _google(os.getpid(), os.environ.get("STORAGE_EMULATOR_HOST"))


@functools.lru_cache(maxsize=1)
def _google(_process: int, _emulator: str | None) -> Any:
    from apache_beam.io.gcp.gcsio import GcsIO
    from requests.adapters import HTTPAdapter

    store = GcsIO(pipeline_options=FileSystems._pipeline_options)
    # Else it keeps ten, and opens a new one for each request of the other threads.
    for scheme in ("https://", "http://"):  # the latter is an emulator's
        store.client._http.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
    return store


def status(path: str) -> tuple[int, str]:
    """Size in bytes and checksum of an object, by one request.

    Raises:
        FileNotFoundError: if there is none.
    """
    bucket, _, name = path.removeprefix(GOOGLE).partition("/")
    blob = google().client.bucket(bucket).get_blob(name)
    if blob is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return blob.size, blob.crc32c


def version(path: str) -> int | None:
    """Which version of an object is there; None if there is none."""
    blob = _blob(path)
    with _as_os_errors(path):
        try:
            patiently(blob.reload)
        except _not_found():
            return None
    return blob.generation


def delete(path: str, wanted: int) -> None:
    """Deletes a version of an object.

    Raises:
        FileNotFoundError: if there is none.
        FileExistsError: if another version is there.
    """
    with _as_os_errors(path):
        _blob(path).delete(if_generation_match=wanted)


def create(path: str, content: bytes) -> None:
    """Writes an object that wasn't there.

    Raises:
        FileExistsError: if there is one.
    """
    with _as_os_errors(path):
        _blob(path).upload_from_string(content, if_generation_match=0)


def copy(source: str, target: str, is_new: bool = False) -> None:
    """Copies an object within the store.

    Args:
        source: the object.
        target: its copy.
        is_new: whether there must be no object there.

    Raises:
        FileNotFoundError: if there is no `source`.
        FileExistsError: if there is an object at `target`, and must not be.
    """
    condition = {"if_generation_match": 0} if is_new else {}
    from google.cloud.storage.retry import DEFAULT_RETRY

    blob, token = _blob(target), None
    with _as_os_errors(source):
        while True:  # a large object, or one that moves to another place, takes several requests
            token, _, _ = blob.rewrite(_blob(source), token=token, retry=DEFAULT_RETRY, **condition)
            if token is None:
                return


def is_same(one: str, other: str) -> bool:
    """Whether two objects that are there have the same content, as far as the store knows."""
    blobs = [_blob(one), _blob(other)]
    with _as_os_errors(one):
        for blob in blobs:
            patiently(blob.reload)
    first, second = ((blob.size, blob.crc32c, blob.md5_hash) for blob in blobs)
    return first == second


def folders(path: str) -> list[str]:
    """The names of the folders directly in one, by a listing of these only."""
    bucket, _, prefix = f"{path.rstrip('/')}/".removeprefix(GOOGLE).partition("/")
    with _as_os_errors(path):
        listing = google().client.list_blobs(bucket, prefix=prefix or None, delimiter="/")
        for _ in listing:
            pass
    return sorted(one[len(prefix) :].rstrip("/") for one in listing.prefixes)


def _blob(path: str) -> Any:
    bucket, _, name = path.removeprefix(GOOGLE).partition("/")
    return google().client.bucket(bucket).blob(name)


def _not_found() -> type[Exception]:
    from google.api_core.exceptions import NotFound

    return NotFound


@contextmanager
def _as_os_errors(path: str) -> Iterator[None]:
    from google.api_core.exceptions import NotFound, PreconditionFailed

    try:
        yield
    except NotFound as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
    except PreconditionFailed as error:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from error
