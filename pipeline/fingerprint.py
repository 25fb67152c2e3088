"""Fingerprints of inputs: they change when, and only when, the content does.

Object stores keep a checksum of each object. For files on a disk the content is hashed (Beam's
own `checksum` of a local file is its size), and the hash is remembered by path, size and time of
change, so that a nightly run doesn't read an archive again to see that nothing is new.
"""

import hashlib
import json
import os
import time
from contextlib import suppress

from apache_beam.io.filesystems import FileSystems

from pipeline import storage

# A file that was changed a moment ago may change again within the clock's resolution.
SETTLED_NS = 2_000_000_000


def cache_path() -> str:
    """Where hashes are remembered: below the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "newsbeam", "fingerprints.json")


class Fingerprints:
    """Fingerprints of files, remembering what was hashed before.

    Use as a context manager: what was learnt is kept when the block ends.
    """

    def __init__(self, path: str | None = None):
        self._path = path or cache_path()
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
        if self._learnt:
            content = json.dumps({**self._known, **self._learnt}).encode()
            with suppress(OSError):  # no cache folder: the next run hashes again
                storage.write_bytes(self._path, content)

    def of(self, path: str) -> str:
        """The fingerprint of the file at `path`.

        Raises:
            OSError: if it cannot be read.
        """
        if not storage.is_local(path):
            return f"checksum:{FileSystems.checksum(path)}"
        path = os.path.abspath(storage.local_path(path))
        status = os.stat(path)
        stamp = [status.st_size, status.st_mtime_ns]
        if path in self._known and self._known[path][:2] == stamp:
            return self._known[path][2]
        with open(path, "rb") as stream:
            digest = "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
        if time.time_ns() - status.st_mtime_ns > SETTLED_NS:
            self._learnt[path] = [*stamp, digest]
        return digest
