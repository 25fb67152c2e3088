"""Files on a disk or in an object store, through Beam's FileSystems.

On a disk a file is written beside its place and renamed into it, so that it is there whole or not
at all. An object store shows an object only when it is complete, and a rename there is a copy, so
there a file is written once, under its final name.
"""

import errno
import glob
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import IO, Any, NamedTuple

from apache_beam.io.filesystems import FileSystems

from pipeline import objects
from pipeline.errors import UsageError

STORES = ("gs",)  # the schemes of object stores that this was tested on
TEMPORARY = ".tmp-newsbeam-"  # how the names of unfinished files begin
COPY_BYTES = 16 << 20
BATCHES_AT_ONCE = 8  # of deletions, each of which takes a store a second or so


class FileInfo(NamedTuple):
    """A file and its size in bytes."""

    path: str
    size: int

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]


def is_local(path: str) -> bool:
    """Whether `path` lies on a disk of this machine."""
    return FileSystems.get_scheme(path) in (None, "file")


def supported(path: str) -> str:
    """A path or pattern as options take it: on a disk, or in a store that this was tested on.

    Returns:
        The same, with the home folder for a leading `~`, which a shell leaves in `--output=~/x`.

    Raises:
        UsageError: if it lies elsewhere. What Beam could read there, nobody has tried; and two
            runs on one output would not notice each other. Or if it can be no path at all.
    """
    scheme = FileSystems.get_scheme(path)
    if scheme not in (None, "file", *STORES):
        raise UsageError(f"{path}: {scheme}:// is not supported, only disks and gs:// are")
    if "\0" in path or (scheme is not None and not path.partition("://")[2].strip("/")):
        raise UsageError(f"{path!r} names no file or folder")
    if scheme is None and path.startswith("~"):
        found = os.path.expanduser(path)
        if found == path:
            raise UsageError(f"{path}: there is no such user; a name that begins so needs ./ first")
        return found
    return path


def local_path(path: str) -> str:
    """`path` without the `file://` that some people write before it."""
    return path.removeprefix("file://")


def real_path(path: str) -> str:
    """One name for a file on a disk, however it was named; in a store, a path is its name."""
    return os.path.realpath(local_path(path)) if is_local(path) else path


def join(folder: str, name: str) -> str:
    """A path below `folder`."""
    return f"{folder.rstrip('/')}/{name}"


@contextmanager
def _store_errors(path: str) -> Iterator[None]:
    """Turns what a store's client raises into the OSError that a disk would raise."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        code = getattr(error, "code", None)  # an HTTP status, of Google's client
        if code == 404:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
        if code in (401, 403):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path) from error
        raise


def open_input(path: str) -> IO[bytes]:
    """Opens a file for reading, without decompressing it.

    Raises:
        OSError: if it is not there, or not ours to read.
    """
    if is_local(path):
        return open(local_path(path), "rb")
    with _store_errors(path):
        return objects.google().open(path, "rb")


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


def read_bytes(path: str) -> bytes:
    """Reads a whole file."""
    with open_input(path) as stream:
        return stream.read()


def read_if_there(path: str) -> bytes | None:
    """Reads a whole file; None if there is none."""
    try:
        return read_bytes(path)
    except FileNotFoundError:
        return None


def read_json(path: str) -> Any:
    """Reads JSON text."""
    return json.loads(read_bytes(path))


def exists(path: str) -> bool:
    """Whether there is a file at `path`."""
    return os.path.exists(local_path(path)) if is_local(path) else objects.google().exists(path)


def match(pattern: str) -> list[FileInfo]:
    """The files that `pattern` (with `*`, `?`, `**`) names, sorted by path."""
    if is_local(pattern):
        paths = glob.glob(local_path(pattern), recursive=True)
        files = [FileInfo(path, os.path.getsize(path)) for path in paths if os.path.isfile(path)]
    else:
        # A name with a slash at its end is no file: consoles make such an object for a folder.
        files = [file for file in _objects(pattern) if not file.path.endswith("/")]
    return sorted(files)


def _objects(pattern: str) -> list[FileInfo]:
    result = FileSystems.match([pattern])[0]
    return [FileInfo(file.path, file.size_in_bytes) for file in result.metadata_list]


def named(folder: str, pattern: str) -> list[FileInfo]:
    """The files directly in `folder` whose names fit `pattern`, sorted by path."""
    if is_local(folder):
        return match(join(glob.escape(local_path(folder)), pattern))
    return match(join(folder, pattern))


def files_in(folder: str) -> list[FileInfo]:
    """The files directly in `folder`, sorted by path; none if there is no such folder."""
    if not is_local(folder):
        return match(join(folder, "*"))
    files = []
    try:
        with os.scandir(local_path(folder)) as entries:
            for entry in entries:
                try:
                    if entry.is_file():
                        files.append(FileInfo(join(folder, entry.name), entry.stat().st_size))
                except FileNotFoundError:  # a temporary file of another worker, renamed meanwhile
                    continue
    except FileNotFoundError:
        return []
    return sorted(files)


def size(path: str) -> int:
    """The size of a file in bytes.

    Raises:
        OSError: if it is not there, or not ours to read.
    """
    if is_local(path):
        return os.path.getsize(local_path(path))
    return size_and_checksum(path)[0]


def size_and_checksum(path: str) -> tuple[int, str]:
    """The size of an object in bytes, and what the store has of its content.

    Raises:
        OSError: if it is not there, or not ours to read.
    """
    with _store_errors(path):
        return objects.status(path)


def match_below(folder: str, pattern: str) -> list[str]:
    """The paths of files below `folder` that fit `pattern`, which may hold a `/`."""
    start = glob.escape(local_path(folder)) if is_local(folder) else folder
    return [file.path for file in match(join(start, pattern))]


def folders_in(folder: str) -> list[str]:
    """The names of the folders directly in a folder; in an object store, of those with files."""
    if not is_local(folder):
        return objects.folders(folder)
    if not os.path.isdir(local_path(folder)):
        return []
    with os.scandir(local_path(folder)) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir())


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


def sync_folder(folder: str) -> None:
    """Returns when names in a folder on a disk would survive the loss of the machine."""
    if not is_local(folder):
        return
    number = os.open(local_path(folder), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def remove_if_empty(folder: str) -> None:
    """Removes a folder on a disk if nothing is in it."""
    if is_local(folder):
        with suppress(OSError):
            os.rmdir(local_path(folder))


def delete_folder(folder: str) -> None:
    """Deletes a folder with all that is in it."""
    if is_local(folder):
        shutil.rmtree(local_path(folder), ignore_errors=True)
    else:
        delete([file.path for file in _objects(join(folder, "**"))])
