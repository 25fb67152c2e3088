"""One run at a time on an output folder.

On a disk the claim is a lock that the kernel takes back when its process ends, however it ends,
so a dead run blocks nobody. In Google Cloud Storage it is an object that is made only if none is
there (`if_generation_match=0`) and renewed while the run lives; one that was not renewed for a
while is a dead run's. Other stores have no claim.
"""

import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pipeline import storage
from pipeline.errors import HeldError

NAME = "_claim"
RENEW_SECONDS = 20
DEAD_SECONDS = 90


@contextmanager
def claimed(output: str) -> Iterator[None]:
    """Holds the output folder while the block runs.

    Raises:
        HeldError: if another run holds it; the message says who.
    """
    if storage.is_local(output):
        with _locked(storage.local_path(output)):
            yield
    elif output.startswith("gs://"):
        with _leased(output):
            yield
    else:
        yield


def _holder() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }


def _held(output: str, content: str | bytes) -> HeldError:
    try:
        who = json.loads(content)
        by = f"process {who['pid']} on {who['host']} since {who['since']}"
    except (ValueError, KeyError, TypeError):
        by = "another run"
    return HeldError(f"{output} is held by {by}; wait for it or stop it")


@contextmanager
def _locked(output: str) -> Iterator[None]:
    had_folder = os.path.isdir(output)
    os.makedirs(output, exist_ok=True)
    path = os.path.join(output, NAME)
    while True:
        stream = open(path, "a+")  # noqa: SIM115  held until the run ends
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.seek(0)
            content = stream.read()
            stream.close()
            raise _held(output, content) from error
        if os.path.exists(path) and os.path.samestat(os.fstat(stream.fileno()), os.stat(path)):
            break
        stream.close()  # its holder has just taken it away: this is nobody's file any more
    try:
        stream.truncate(0)
        stream.write(json.dumps(_holder()))
        stream.flush()
        yield
    finally:
        os.unlink(path)
        stream.close()
        if not had_folder and not os.listdir(output):
            os.rmdir(output)  # wrong use writes nothing, no empty folder either


@contextmanager
def _leased(output: str) -> Iterator[None]:
    import google.cloud.storage as gcs

    bucket_name, _, prefix = output.removeprefix("gs://").partition("/")
    bucket = gcs.Client().bucket(bucket_name)
    blob = bucket.blob(storage.join(prefix, NAME) if prefix else NAME)
    lease = _Lease(blob, output)
    lease.take()
    stop = threading.Event()
    renewing = threading.Thread(target=lease.keep, args=(stop,), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        stop.set()
        renewing.join()
        lease.release()


class _Lease:
    """An object that says who holds the folder; its generation shows whether it is still ours."""

    def __init__(self, blob: Any, output: str):
        self._blob = blob
        self._output = output
        self._content = json.dumps({**_holder(), "run": uuid.uuid4().hex})
        self._generation = 0

    def take(self) -> None:
        """Makes the object, or takes it over from a run that has stopped renewing it."""
        from google.api_core.exceptions import NotFound, PreconditionFailed

        for _ in range(3):
            try:
                self._write(0)
                return
            except PreconditionFailed:
                pass
            try:
                self._blob.reload()
                age = time.time() - self._blob.updated.timestamp()
                content, generation = self._blob.download_as_bytes(), self._blob.generation
            except NotFound:
                continue  # released in between
            if age < DEAD_SECONDS:
                raise _held(self._output, content)
            try:
                self._write(generation)
                return
            except (PreconditionFailed, NotFound):
                continue
        raise _held(self._output, b"")

    def keep(self, stop: threading.Event) -> None:
        """Renews the object until told to stop."""
        while not stop.wait(RENEW_SECONDS):
            try:
                self._write(self._generation)
            except Exception:  # a store that is out of reach for a moment; the next try renews
                continue

    def release(self) -> None:
        """Takes the object away, if it is still ours."""
        from google.api_core.exceptions import NotFound, PreconditionFailed

        with suppress(NotFound, PreconditionFailed):
            self._blob.delete(if_generation_match=self._generation)

    def _write(self, generation: int) -> None:
        self._blob.upload_from_string(self._content, if_generation_match=generation)
        self._generation = self._blob.generation
