"""A run's files below a table's root, in a folder of the attempt's own.

The folder's name is the attempt's, so no file is ever written over one that a table refers to.
Where the table takes a file as it is, and it lies on the same disk, it only gets a second name;
else it is copied. What becomes of the output folder, which another run may overwrite, then no
longer matters to the table.

A vacuum deletes what the table doesn't refer to if that is older than some days. That is right for
files that another run has replaced. What is not committed yet, it leaves alone, since its time is
that of its being put there, however long ago a run that died had packed it.
"""

import functools
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from pipeline import durable, objects, storage
from pipeline.tables.change import NewFile

FOLDER = "newsbeam"
AT_ONCE = 8  # files that are put in their place at a time

Write = Callable[[IO[bytes], IO[bytes]], None]


def place(
    files: tuple[NewFile, ...], root: str, attempt: str, write: Write | None = None
) -> list[str]:
    """Gives files a place below a root; one that is there already is left as it is.

    Args:
        files: where they lie now.
        root: of the table.
        attempt: of whom they are.
        write: writes a file's rows as the table's format wants them; None takes it as it is.

    Returns:
        Their paths, from the root on, in the same order.
    """
    folder = make_attempt(root, attempt)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        targets = [storage.join(folder, file.name) for file in files]
        give = _give if write is None else functools.partial(_write, write=write)
        list(pool.map(give, [file.path for file in files], targets))
    settle(root, attempt)
    return [below(attempt, file.name) for file in files]


def make_attempt(root: str, attempt: str) -> str:
    """Makes the folder of an attempt; gives its path."""
    folder = storage.join(root, folder_of(attempt))
    if storage.is_local(root):
        os.makedirs(storage.local_path(folder), exist_ok=True)
    return folder


def folder_of(attempt: str) -> str:
    """The folder of an attempt, from the root on."""
    return f"{FOLDER}/{attempt}"


def below(attempt: str, name: str) -> str:
    """A file's path, from the root on."""
    return f"{folder_of(attempt)}/{name}"


def settle(root: str, attempt: str) -> None:
    """Returns when the names of an attempt's files would survive the loss of the machine."""
    for folder in (folder_of(attempt), FOLDER, ""):
        durable.sync_folder(storage.join(root, folder))


def clear(root: str, attempt: str, kept: set[str]) -> None:
    """Deletes what an attempt has left over, where nobody can commit it any more.

    Args:
        root: of the table.
        attempt: one whose run is in the table, by this very attempt.
        kept: paths from the root on that the table refers to.
    """
    folder = folder_of(attempt)
    names = [file.name for file in storage.files_in(storage.join(root, folder))]
    left = [f"{folder}/{name}" for name in names if f"{folder}/{name}" not in kept]
    durable.delete([storage.join(root, path) for path in left])


def _write(source: str, target: str, write: Write) -> None:
    if storage.exists(target):
        _touch(target)
        return  # this attempt has put it there: whole, as all that has this name
    with (
        storage.open_input(source) as stream,
        durable.writing(target, make_folder=False) as copy,
    ):
        write(stream, copy)


def _give(source: str, target: str) -> None:
    if not storage.is_local(target):
        _give_object(source, target)
        return
    target = storage.local_path(target)
    try:
        if storage.is_local(source):
            os.link(storage.local_path(source), target)
    except FileExistsError:
        pass  # this attempt has put it there: whole, as all that has this name
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one without links
        pass
    if not os.path.exists(target):
        _copy(source, target)
    _touch(target)


def _touch(target: str) -> None:
    if storage.is_local(target):
        os.utime(storage.local_path(target))


def _give_object(source: str, target: str) -> None:
    if not source.startswith(objects.GOOGLE):
        if not storage.exists(target):
            _copy(source, target)
        return
    try:
        objects.copy(source, target, is_new=True)
    except FileExistsError:
        return


def _copy(source: str, target: str) -> None:
    with (
        storage.open_input(source) as stream,
        durable.writing(target, make_folder=False) as copy,
    ):
        shutil.copyfileobj(stream, copy, storage.COPY_BYTES)
