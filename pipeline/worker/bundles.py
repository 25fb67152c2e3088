"""Bundles that a worker loads once: from its disk, or fetched from an object store first."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from functools import lru_cache

from model.bundle.load import Bundle, BundleError, load_bundle
from model.disk import private_folder
from pipeline import durable, storage
from pipeline.errors import UsageError

DIGEST_CHARACTERS = 16


@lru_cache(maxsize=4)
def open_bundle(path: str, digest: str | None = None) -> Bundle:
    """Loads a bundle and checks its digests; a process does so once.

    Args:
        path: a folder on a disk or in an object store.
        digest: what the plan was made with; None to take what is there.

    Raises:
        UsageError: if it is no bundle, or is damaged, or not the one that the plan names.
    """
    folder = path if storage.is_local(path) else fetch(path)
    try:
        bundle = load_bundle(folder)
    except BundleError as error:
        raise UsageError(str(error)) from error
    if folder != path and not folder.endswith(bundle.digest[:DIGEST_CHARACTERS]):
        raise UsageError(f"{folder} is not the bundle {path}; delete it")
    if digest is not None and bundle.digest != digest:
        raise UsageError(f"the bundle {path} has changed since the run was planned")
    return bundle


def fetch(path: str) -> str:
    """Copies a bundle from an object store to this machine, once a machine.

    Returns:
        The local folder, in one that is this user's alone; it bears the name of what `bundle.json`
        hashes to, so that workers of one machine share it and a changed bundle gets another.

    Raises:
        UsageError: if there is no such bundle, or there can be no folder of this user's own.
    """
    try:
        with storage.open_input(storage.join(path, "bundle.json")) as stream:
            content = stream.read()
    except FileNotFoundError as error:
        raise UsageError(f"no bundle at {path}: it has no bundle.json") from error
    except OSError as error:
        raise UsageError(f"cannot read the bundle {path}: {error.strerror or error}") from error
    name = "bundle-" + hashlib.sha256(content).hexdigest()[:DIGEST_CHARACTERS]
    try:
        target = os.path.join(private_folder(), name)
    except PermissionError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    with open(f"{target}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the machine's other workers wait, and find it there
        if not os.path.isdir(target):
            _copy(path, target)
    return target


def _copy(path: str, target: str) -> None:
    """Copies a folder of a store; it is there whole or not at all."""
    beside = tempfile.mkdtemp(prefix=f"{os.path.basename(target)}-", dir=os.path.dirname(target))
    prefix = path.rstrip("/") + "/"
    try:
        for file in storage.match(prefix + "**"):
            relative = file.path.removeprefix(prefix)
            if ".." in relative.split("/") or relative.startswith("/"):
                raise UsageError(f"the bundle {path} holds a file outside itself: {relative}")
            local = os.path.join(beside, relative)
            os.makedirs(os.path.dirname(local), exist_ok=True)
            with storage.open_input(file.path) as stream, open(local, "wb") as copy:
                shutil.copyfileobj(stream, copy, storage.COPY_BYTES)
        os.rename(beside, target)
    except BaseException:
        durable.delete_folder(beside)
        raise
