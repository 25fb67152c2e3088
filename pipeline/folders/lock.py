"""One run at a time on an output folder.

On a disk it is a lock that the kernel takes back when its process ends, however it ends,
so a dead run blocks nobody. In Google Cloud Storage it is an object that is made only if none is
there (`if_generation_match=0`) and renewed while the run lives; one that was not renewed for a
while is a dead run's. Other stores are refused.
"""

import errno
import fcntl
import json
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from pipeline import storage
from pipeline.errors import UsageError, locked_by
from pipeline.folders.lease import check_lock, leased
from pipeline.layout import LOCK

Check = Callable[[], None]
TRIES = 100
DISK_REFUSES = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # no wrong use: it may be otherwise later


@contextmanager
def locked(output: str) -> Iterator[Check]:
    """Holds the output folder while the block runs.

    Yields:
        A function that raises `LockedError` if it was lost meanwhile, as it may be in a
        store that was out of reach for long.

    Raises:
        LockedError: if another run holds it; the message says who.
        UsageError: if there can be no such folder.
    """
    if storage.is_local(output):
        with _locked(storage.local_path(output)):
            yield _nothing_to_check
    else:
        with leased(storage.supported(output), json.dumps(_holder())) as check:
            yield check


def _nothing_to_check() -> None:
    """A lock on a disk is lost with its process only."""


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
    tries = 0
    while True:
        try:
            os.makedirs(output, exist_ok=True)
            stream = _open_lock(path)
        except OSError as error:
            # Its holder may have just taken the empty folder away; but in /proc it never is there.
            tries += 1
            if isinstance(error, FileNotFoundError) and tries < TRIES:
                continue
            if error.errno in DISK_REFUSES:
                raise
            raise UsageError(f"cannot write to {output}: {error.strerror}") from error
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.seek(0)
            content = stream.read()
            stream.close()
            raise locked_by(output, content) from error
        if _is_still(stream, path):
            break
        stream.close()  # its holder has just taken it away: this is nobody's file any more
    try:
        check_lock(output, stream.read())
    except UsageError:
        stream.close()
        raise
    try:
        stream.seek(0)
        stream.truncate()
        stream.write(json.dumps(_holder()))
        stream.flush()
        yield
    finally:
        with suppress(OSError):
            if _is_still(stream, path):
                os.unlink(path)
        stream.close()
        if not had_folder:
            with suppress(OSError):  # wrong use writes nothing, no empty folder either
                os.rmdir(output)


def _open_lock(path: str) -> IO[str]:
    """Opens the file, which is locked until the run ends; whoever is root writes through no link.

    Raises:
        UsageError: if there is something else under its name.
    """
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise UsageError(f"{path} is no lock of ours; use another --output") from error
        raise
    status = os.fstat(number)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(number)
        raise UsageError(f"{path} is no lock of ours; use another --output")
    return os.fdopen(number, "r+", errors="replace")


def _is_still(stream: IO[str], path: str) -> bool:
    """Whether an open file still has its name."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(stream.fileno()), os.lstat(path))
    return False
