"""Fingerprints of inputs: they change when, and only when, the content does.

Object stores keep a checksum of each object. For files on a disk the content is hashed (Beam's
own `checksum` of a local file is its size), and the hash is remembered by path, size and time of
change, so that a nightly run doesn't read an archive again to see that nothing is new.
"""

import functools
import hashlib
import json
import os
import time
from contextlib import suppress
from typing import NamedTuple

from pipeline import durable, storage
from pipeline.corpus.formats.registry import FORMATS
from pipeline.corpus.sources import ReadSettings, Source
from pipeline.errors import BadFileError

# A file that was changed a moment ago may change again within the clock's resolution.
SETTLED_NS = 2_000_000_000
HASHED_AT_A_TIME = 1 << 20


class Seen(NamedTuple):
    """What a look at an input finds.

    Attributes:
        digest: the fingerprint, of the first `size` bytes.
        size: bytes.
        modified_ns: when it was last written, in nanoseconds; None in object stores.
    """

    digest: str
    size: int
    modified_ns: int | None


def cache_path() -> str:
    """Where hashes are remembered: below the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "newsbeam", "fingerprints.json")


class Fingerprints:
    """Fingerprints of files, remembering what was hashed before.

    Use as a context manager: what was learnt is kept when the block ends.

    Args:
        path: where they are remembered; None for the user's cache folder.
        verify: read every file, whatever is remembered of one with its size and time.
        keep: whether what is learnt is kept.
    """

    def __init__(self, path: str | None = None, verify: bool = False, keep: bool = True):
        self._path = path or cache_path()
        self._verify, self._keep = verify, keep
        self._known: dict[str, list] = {}
        self._learnt: dict[str, list] = {}

    def __enter__(self) -> "Fingerprints":
        try:
            with open(self._path) as stream:
                known = json.load(stream)
            self._known = known if isinstance(known, dict) else {}
        except (OSError, ValueError):
            self._known = {}  # a cache that is missing or damaged only costs time
        return self

    def __exit__(self, *_: object) -> None:
        if self._learnt and self._keep:
            content = json.dumps({**self._known, **self._learnt}).encode()
            with suppress(OSError):  # no cache folder: the next run hashes again
                durable.write_bytes(self._path, content)

    def look(self, path: str) -> Seen:
        """The fingerprint of the file at `path`, and the size up to which it was taken.

        Raises:
            OSError: if it cannot be read.
        """
        if not storage.is_local(path):
            size, checksum = storage.size_and_checksum(path)
            return Seen(f"checksum:{checksum}", size, None)
        path = os.path.abspath(storage.local_path(path))
        status = os.stat(path)
        stamp = [status.st_size, status.st_mtime_ns]
        if not self._verify and path in self._known and self._known[path][:2] == stamp:
            return Seen(self._known[path][2], *stamp)
        digest = hash_file(path, status.st_size)
        if time.time_ns() - status.st_mtime_ns > SETTLED_NS:
            self._learnt[path] = [*stamp, digest]
        return Seen(digest, *stamp)


def hash_file(path: str, size: int) -> str:
    """SHA-256 of the first `size` bytes of a file on a disk."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while size > 0 and (content := stream.read(min(size, HASHED_AT_A_TIME))):
            digest.update(content)
            size -= len(content)
    return f"sha256:{digest.hexdigest()}"


def fingerprint_input(
    path: str, kind: str, reading: ReadSettings, fingerprints: Fingerprints
) -> Seen:
    """The fingerprint of one input as `find_inputs` names it."""
    files = FORMATS[kind].files
    if files is None:
        return fingerprints.look(path)
    seen = [fingerprints.look(file) for file in files(path, reading)]
    if len(seen) == 1:
        return Seen(seen[0].digest, seen[0].size, None)
    digest = hashlib.sha256("\n".join(one.digest for one in seen).encode()).hexdigest()
    return Seen(f"sha256:{digest}", sum(one.size for one in seen), None)


def of_content(fingerprint: str) -> str:
    """Of a fingerprint, what is the content's own; more may stand behind it (`tables.see`)."""
    return fingerprint.partition("+")[0]


def check_unchanged(source: Source) -> None:
    """Holds a source against what it was when the run was planned.

    Text files may have grown, since only what was there is read.

    Raises:
        BadFileError: if its content is another, or it has gone.
    """
    format = FORMATS[source.format]
    if format.files is not None:
        return
    changed = BadFileError(source.path, "it has changed since the run was planned")
    try:
        if not storage.is_local(source.path):
            if Fingerprints().look(source.path).digest != of_content(source.fingerprint):
                raise changed
            return
        path = storage.local_path(source.path)
        status = os.stat(path)
        if status.st_mtime_ns == source.modified_ns and status.st_size == source.size:
            return
        has_grown = format.may_grow and status.st_size > source.size
        if not has_grown and status.st_size != source.size:
            raise changed
        if _hash_once(path, source.size, status.st_mtime_ns) != of_content(source.fingerprint):
            raise changed
    except FileNotFoundError as error:
        raise BadFileError(source.path, "it has gone since the run was planned") from error
    except OSError as error:
        raise BadFileError(source.path, error.strerror or str(error)) from error


@functools.lru_cache(maxsize=64)
def _hash_once(path: str, size: int, _modified_ns: int) -> str:
    return hash_file(path, size)
