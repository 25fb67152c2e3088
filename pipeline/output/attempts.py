"""Attempts to publish: the folder of one, the swap, is made, decided, taken over, thrown away."""

import os
import shutil
import uuid
from collections.abc import Iterable

from pipeline import durable, layout, objects, storage


def begin_swap(work: str, contents: dict[str, bytes], parts: Iterable[str]) -> str:
    """Makes an attempt's folder in a work folder; it counts when it has its record.

    Args:
        work: the work folder.
        contents: files to write, by name.
        parts: names of files in the work folder to take in.

    Returns:
        Its path.

    Raises:
        FileNotFoundError: if the work folder, or a part in it, has gone.
    """
    swap = storage.join(work, layout.SWAP_PREFIX + uuid.uuid4().hex)
    if storage.is_local(work):
        os.mkdir(storage.local_path(swap))
    for name in parts:
        _copy(storage.join(work, name), storage.join(swap, name))
    for name, content in contents.items():
        durable.write_bytes(storage.join(swap, name), content, make_folder=False)
    durable.sync_folder(swap)
    return swap


def decide(swap: str, record: bytes) -> None:
    """Gives an attempt its record; from now on whoever comes next finishes it."""
    durable.write_bytes(storage.join(swap, layout.SWAP_RECORD), record, make_folder=False)
    durable.sync_folder(swap)


def discard(swap: str) -> None:
    """Deletes an attempt's folder, its record first."""
    durable.delete([storage.join(swap, layout.SWAP_RECORD)])
    durable.delete_folder(swap)


def adopt(swap: str, target: str) -> bool:
    """Takes another attempt's folder, which ends that attempt.

    Args:
        swap: the other's folder.
        target: where its content is from now on.

    Returns:
        False if somebody else has taken it.
    """
    if storage.is_local(swap):
        try:
            os.rename(storage.local_path(swap), storage.local_path(target))
        except FileNotFoundError:
            if not os.path.isdir(os.path.dirname(storage.local_path(target))):
                raise
            return False
        return True
    record = storage.join(swap, layout.SWAP_RECORD)
    names = [file.path[len(swap) + 1 :] for file in storage.match(storage.join(swap, "**"))]
    inner = [name for name in names if name != layout.SWAP_RECORD]
    is_whole = layout.SWAP_RECORD in names
    try:
        for name in inner if is_whole else []:
            _copy(storage.join(swap, name), storage.join(target, name))
        if is_whole:
            _copy(record, storage.join(target, layout.SWAP_RECORD))
    except FileNotFoundError:
        is_whole = False
    durable.delete([record])
    durable.delete([storage.join(swap, name) for name in inner])
    return is_whole


def _copy(source: str, target: str) -> None:
    """Gives a file a second name; where that can't be, copies it."""
    if not storage.is_local(source):
        objects.copy(source, target)
        return
    source, target = storage.local_path(source), storage.local_path(target)
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
