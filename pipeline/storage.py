"""Files on a disk or in an object store, through Beam's FileSystems: found, listed and read."""

import errno
import glob
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple, cast

from apache_beam.io.filesystems import FileSystems

from pipeline import objects
from pipeline.errors import UsageError
from pipeline.patience import PatientStream, patiently

STORES = ("gs",)  # the schemes of object stores that this was tested on
COPY_BYTES = 16 << 20  # of a file that is copied, at a time


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
        home = os.path.expanduser(path)
        if home == path:
            raise UsageError(f"{path}: there is no such user; a name that begins so needs ./ first")
        return home
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
        return cast(IO[bytes], PatientStream(lambda: objects.google().open(path, "rb")))


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
    if is_local(path):
        return os.path.exists(local_path(path))
    return patiently(lambda: objects.google().exists(path))


def match(pattern: str) -> list[FileInfo]:
    """The files that `pattern` (with `*`, `?`, `**`) names, sorted by path."""
    if is_local(pattern):
        paths = glob.glob(local_path(pattern), recursive=True)
        files = [FileInfo(path, os.path.getsize(path)) for path in paths if os.path.isfile(path)]
    else:
        # A name with a slash at its end is no file: consoles make such an object for a folder.
        files = [file for file in objects_matching(pattern) if not file.path.endswith("/")]
    return sorted(files)


def objects_matching(pattern: str) -> list[FileInfo]:
    """The objects of a store that `pattern` names, with those that stand for folders."""
    result = patiently(lambda: FileSystems.match([pattern]))[0]
    return [FileInfo(file.path, file.size_in_bytes) for file in result.metadata_list]


def named(folder: str, pattern: str) -> list[FileInfo]:
    """The files in `folder` that fit `pattern`, such as `*.json` or `**`, sorted by path."""
    return match(join(glob.escape(folder) if is_local(folder) else folder, pattern))


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
        return patiently(lambda: objects.status(path))


def folders_in(folder: str) -> list[str]:
    """The names of the folders directly in a folder; in an object store, of those with files."""
    if not is_local(folder):
        return patiently(lambda: objects.folders(folder))
    if not os.path.isdir(local_path(folder)):
        return []
    with os.scandir(local_path(folder)) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir())
