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
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pipeline import storage
from pipeline.errors import UsageError, held
from pipeline.layout import LOCK
from pipeline.output.lease import leased

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
        with leased(output, json.dumps(_holder())) as check:
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


@contextmanager
def _locked(output: str) -> Iterator[None]:
    had_folder = os.path.isdir(output)
    path = os.path.join(output, LOCK)
    while True:
        try:
            os.makedirs(output, exist_ok=True)
            stream = open(path, "a+")  # noqa: SIM115  held until the run ends
        except FileNotFoundError:
            continue  # its holder has just taken the empty folder away
        except (NotADirectoryError, FileExistsError, PermissionError) as error:
            raise UsageError(f"cannot write to {output}: {error.strerror}") from error
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.seek(0)
            content = stream.read()
            stream.close()
            raise held(output, content) from error
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
