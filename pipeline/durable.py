"""Changes to files that outlive a process and the machine's loss: written whole, or deleted.

On a disk a file is written beside its place and renamed into it, so that it is there whole or not
at all. An object store shows an object only when it is complete, and a rename there is a copy, so
there a file is written once, under its final name.
"""

import errno
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import IO, Any

from pipeline import objects
from pipeline.storage import COPY_BYTES, exists, is_local, join, local_path, objects_matching

TEMPORARY = ".tmp-newsbeam-"  # how the names of unfinished files begin
BATCHES_AT_ONCE = 8  # of deletions, each of which takes a store a second or so


@contextmanager
def writing(path: str, make_folder: bool = True) -> Iterator[IO[bytes]]:
    """Opens a file that appears under `path` only if the block ends without an exception.

    Args:
        path: the file.
        make_folder: whether its folder is made if there is none. Not in a run's work folder: it
            is taken away when another run takes its place, and must not come back.
    """
    if not is_local(path):
        # A stream to a store that is left open becomes an object when it is collected, half
        # written. So it is opened only when all that goes into it is there.
        with tempfile.TemporaryFile() as whole:
            yield whole
            whole.seek(0)
            with objects.google().open(path, "wb") as copy:
                shutil.copyfileobj(whole, copy, COPY_BYTES)
        return
    path = local_path(path)
    folder = os.path.dirname(path) or "."
    if make_folder:
        os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f"{TEMPORARY}{uuid.uuid4().hex}")
    try:
        with open(temporary, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())  # a machine that is lost must not leave a hollow file
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def write_bytes(path: str, content: bytes, make_folder: bool = True) -> None:
    """Writes a whole file."""
    with writing(path, make_folder) as stream:
        stream.write(content)


def write_json(path: str, value: Any, make_folder: bool = True) -> None:
    """Writes `value` as JSON text."""
    write_bytes(path, to_json(value), make_folder)


def create_json(path: str, value: Any) -> bool:
    """Writes `value` as JSON text, whole and at once, if there is no such file yet.

    Returns:
        False if there is one; of many who try at a time, one is the first.

    Raises:
        FileNotFoundError: if its folder isn't there.
    """
    content = to_json(value)
    try:
        if not is_local(path):
            objects.create(path, content)
            return True
        beside = f"{os.path.dirname(local_path(path))}/{TEMPORARY}{uuid.uuid4().hex}"
        write_bytes(beside, content, make_folder=False)
        try:
            os.link(beside, local_path(path))
        except (FileExistsError, FileNotFoundError):
            raise
        except OSError:  # a file system without links
            if exists(path):
                return False
            os.rename(beside, local_path(path))
        finally:
            with suppress(FileNotFoundError):
                os.unlink(beside)
    except FileExistsError:
        return False
    return True


def to_json(value: Any) -> bytes:
    """`value` as JSON text, as it lies in a file."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def delete(paths: list[str]) -> None:
    """Deletes files; one that is not there is no error."""
    remote = [path for path in paths if not is_local(path)]
    for path in set(paths) - set(remote):
        with suppress(FileNotFoundError):
            os.unlink(local_path(path))
    if remote:
        _delete_objects(remote)


def _delete_objects(paths: list[str]) -> None:
    """Deletes objects by the hundred; what a store refuses for a moment is tried for two minutes.

    Beam's own `FileSystems.delete` sends several requests for each.
    """
    from apache_beam.io.gcp.gcsio import MAX_BATCH_OPERATION_SIZE as MOST

    batches = [paths[start : start + MOST] for start in range(0, len(paths), MOST)]
    with ThreadPoolExecutor(BATCHES_AT_ONCE) as pool:
        for answers in pool.map(objects.google().delete_batch, batches):
            for path, status in answers:
                if status is not None:
                    number = errno.EACCES if status in (401, 403) else errno.EIO
                    raise OSError(number, f"{os.strerror(number)} (HTTP status {status})", path)


def delete_folder(folder: str) -> None:
    """Deletes a folder with all that is in it."""
    if is_local(folder):
        shutil.rmtree(local_path(folder), ignore_errors=True)
    else:
        delete([file.path for file in objects_matching(join(folder, "**"))])


def remove_if_empty(folder: str) -> None:
    """Removes a folder on a disk if nothing is in it."""
    if is_local(folder):
        with suppress(OSError):
            os.rmdir(local_path(folder))


def sync_folder(folder: str) -> None:
    """Returns when names in a folder on a disk would survive the loss of the machine."""
    if not is_local(folder):
        return
    number = os.open(local_path(folder), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
