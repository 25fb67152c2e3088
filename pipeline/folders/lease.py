"""The lock on a folder in Google Cloud Storage: an object that only one run can make.

It is made only if none is there (`if_generation_match=0`) and written again while the run lives.
One that was not renewed for a while is a dead run's.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pipeline import storage
from pipeline.errors import LockedError, UsageError, locked_by
from pipeline.layout import LOCK

RENEW_SECONDS = 20
DEAD_SECONDS = 90
FENCE_SECONDS = 60  # without a renewal, after which we stop; well before another may come
TRIES = 3


@contextmanager
def leased(output: str, holder: str) -> Iterator[Callable[[], None]]:
    """Holds a folder in Google Cloud Storage while the block runs.

    Args:
        output: the folder, `gs://...`.
        holder: JSON of who we are.

    Yields:
        A function that raises `LockedError` if the lock was lost.

    Raises:
        LockedError: if another run holds it.
    """
    import google.cloud.storage as gcs

    bucket_name, _, prefix = output.removeprefix("gs://").partition("/")
    bucket = gcs.Client().bucket(bucket_name)
    blob = bucket.blob(storage.join(prefix, LOCK) if prefix.strip("/") else LOCK)
    lease = _Lease(blob, output, holder)
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


def check_lock(output: str, content: str | bytes) -> None:
    """Holds what lies in the lock's place against what a holder writes there.

    Raises:
        UsageError: if it is something else, which is not ours to overwrite.
    """
    text = content if isinstance(content, str) else content.decode(errors="replace")
    text = text.strip("\0")  # what a machine that was lost may leave
    if text and not text.startswith('{"host"'):
        raise UsageError(f"{storage.join(output, LOCK)} is no lock of ours; use another --output")


class _Lease:
    """An object that says who holds the folder; its generation shows whether it is still ours."""

    def __init__(self, blob: Any, output: str, holder: str):
        self._blob = blob
        self._output = output
        self._content = json.dumps({**json.loads(holder), "run": uuid.uuid4().hex}).encode()
        self._generation = 0
        self._is_lost = False
        self._renewed = time.monotonic()

    def take(self) -> None:
        """Makes the object, or takes it over from a run that has stopped renewing it."""
        from google.api_core.exceptions import NotFound, PreconditionFailed

        for _ in range(TRIES):
            try:
                self._write(0)
                return
            except PreconditionFailed:
                if self._is_ours():  # it was made, but the store's answer was lost
                    return
            try:
                self._blob.reload()
                age = time.time() - self._blob.updated.timestamp()
                generation = self._blob.generation  # before the download, which may unset it
                content = self._blob.download_as_bytes()
                check_lock(self._output, content)
                if age < DEAD_SECONDS:
                    raise locked_by(self._output, content)
                # It seems dead, unless our clock is wrong: a living run would renew it now.
                time.sleep(RENEW_SECONDS * 1.5)
                self._write(generation)
                return
            except (PreconditionFailed, NotFound):
                continue  # released or taken in between
        raise locked_by(self._output, b"")

    def keep(self, stop: threading.Event) -> None:
        """Renews the object until it is to stop, or until it is another run's."""
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
        """Raises LockedError if another run has taken the folder, or soon may."""
        if self._is_lost:
            raise LockedError(
                f"the lock on {self._output} was lost to another run, as the store could not be "
                f"reached for {DEAD_SECONDS} seconds; the same command continues"
            )
        if time.monotonic() - self._renewed > FENCE_SECONDS:
            raise LockedError(
                f"the store could not be reached for {FENCE_SECONDS} seconds, and another run may "
                f"take {self._output} soon; the same command continues"
            )

    def release(self) -> None:
        """Takes the object away, if it is still ours."""
        from google.api_core.exceptions import GoogleAPICallError

        with suppress(GoogleAPICallError, OSError):  # else it is dead in a while
            self._blob.delete(if_generation_match=self._generation)

    def _is_ours(self) -> bool:
        """Whether a renewal that was refused had reached the store before, unheard of by us."""
        began = time.monotonic() - RENEW_SECONDS  # when the write that was refused began, or later
        try:
            self._blob.reload()
            generation = self._blob.generation
            if self._blob.download_as_bytes() != self._content:
                return False
        except Exception:
            return False
        self._generation, self._renewed = generation, began
        return True

    def _write(self, generation: int) -> None:
        began = time.monotonic()  # the store counts from some moment after it
        self._blob.upload_from_string(self._content, if_generation_match=generation)
        self._generation, self._renewed = self._blob.generation, began
