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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pipeline import storage
from pipeline.errors import HeldError, UsageError

NAME = "_claim"
RENEW_SECONDS = 20
DEAD_SECONDS = 90
TRIES = 3


Check = Callable[[], None]


@contextmanager
def claimed(output: str) -> Iterator[Check]:
    """Holds the output folder while the block runs.

    Yields:
        A function that raises `HeldError` if the claim was lost meanwhile, as it may be in a
        store that was out of reach for long.

    Raises:
        HeldError: if another run holds it; the message says who.
        UsageError: if there can be no such folder.
    """
    if storage.is_local(output):
        with _locked(storage.local_path(output)):
            yield _nothing_to_check
    elif output.startswith("gs://"):
        with _leased(output) as check:
            yield check
    else:
        yield _nothing_to_check


def _nothing_to_check() -> None:
    """A lock is lost with its process only; where there is no claim, none can be lost."""


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
    path = os.path.join(output, NAME)
    while True:
        try:
            os.makedirs(output, exist_ok=True)
            stream = open(path, "a+")  # noqa: SIM115  held until the run ends
        except FileNotFoundError:
            continue  # its holder has just taken the empty folder away
        except OSError as error:
            raise UsageError(f"cannot write to {output}: {error.strerror}") from error
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.seek(0)
            content = stream.read()
            stream.close()
            raise _held(output, content) from error
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(stream.fileno()), os.stat(path)):
                break
        stream.close()  # its holder has just taken it away: this is nobody's file any more
    try:
        stream.truncate(0)
        stream.write(json.dumps(_holder()))
        stream.flush()
        yield
    finally:
        with suppress(OSError):
            os.unlink(path)
        stream.close()
        if not had_folder:
            with suppress(OSError):  # wrong use writes nothing, no empty folder either
                os.rmdir(output)


@contextmanager
def _leased(output: str) -> Iterator[Check]:
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
        yield lease.check
    finally:
        stop.set()
        renewing.join()
        lease.release()


class _Lease:
    """An object that says who holds the folder; its generation shows whether it is still ours."""

    def __init__(self, blob: Any, output: str):
        self._blob = blob
        self._output = output
        self._content = json.dumps({**_holder(), "run": uuid.uuid4().hex}).encode()
        self._generation = 0
        self._is_lost = False

    def take(self) -> None:
        """Makes the object, or takes it over from a run that has stopped renewing it."""
        from google.api_core.exceptions import NotFound, PreconditionFailed

        for _ in range(TRIES):
            try:
                self._write(0)
                return
            except PreconditionFailed:
                pass
            try:
                self._blob.reload()
                age = time.time() - self._blob.updated.timestamp()
                content, generation = self._blob.download_as_bytes(), self._blob.generation
                if age < DEAD_SECONDS:
                    raise _held(self._output, content)
                # It seems dead, unless our clock is wrong: a living run would renew it now.
                time.sleep(RENEW_SECONDS * 1.5)
                self._write(generation)
                return
            except (PreconditionFailed, NotFound):
                continue  # released or taken in between
        raise _held(self._output, b"")

    def keep(self, stop: threading.Event) -> None:
        """Renews the object until told to stop, or until it is another run's."""
        from google.api_core.exceptions import NotFound, PreconditionFailed

        while not stop.wait(RENEW_SECONDS):
            try:
                self._write(self._generation)
            except (NotFound, PreconditionFailed):
                if not self._is_ours():
                    self._is_lost = True
                    return
            except Exception:  # a store that is out of reach for a moment; the next try renews
                continue

    def check(self) -> None:
        """Raises HeldError if another run has taken the folder."""
        if self._is_lost:
            raise HeldError(
                f"the claim on {self._output} was lost to another run, as the store could not be "
                f"reached for {DEAD_SECONDS} seconds; the same command continues"
            )

    def release(self) -> None:
        """Takes the object away, if it is still ours."""
        from google.api_core.exceptions import GoogleAPICallError

        with suppress(GoogleAPICallError, OSError):  # else it is dead in a while
            self._blob.delete(if_generation_match=self._generation)

    def _is_ours(self) -> bool:
        """Whether a renewal that was refused had reached the store before, unheard of by us."""
        try:
            self._blob.reload()
            if self._blob.download_as_bytes() != self._content:
                return False
        except Exception:
            return False
        self._generation = self._blob.generation
        return True

    def _write(self, generation: int) -> None:
        self._blob.upload_from_string(self._content, if_generation_match=generation)
        self._generation = self._blob.generation
