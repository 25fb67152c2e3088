"""The single acts by which files go into an output folder and out of it, each of them fenced.

An attempt to publish has a folder of its own, the swap. On a disk each of its acts has one end
there: a file goes out by a rename into the swap and in by a link from it. Whoever takes the swap
away, by one rename, ends the attempt: none of its acts succeeds any more. In Google Cloud Storage
a file goes in by a copy from the swap and out by a deletion, on condition that nobody has changed
what was there (generations).
"""

import os
import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from pipeline import durable, layout, objects, storage
from pipeline.errors import NewsbeamError


class TakenOverError(NewsbeamError):
    """Another run, or another attempt at this one, has taken this one's place."""

    def __init__(self, output: str):
        super().__init__(f"another run has taken the place of this one in {output}")
        self.output = output

    def __reduce__(self):
        return (TakenOverError, (self.output,))


class Moves(Protocol):
    """What an attempt may do to the output folder."""

    def take_out(self, name: str) -> None:
        """Takes a file away; one that is not there is no error."""

    def put_in(self, name: str) -> None:
        """Puts the swap's file in, where nothing must be but this very file."""

    def settle(self) -> None:
        """Returns when a lost machine would not undo what was done."""


def moves(swap: str, output: str) -> Moves:
    """The moves of the attempt whose swap folder is given."""
    if storage.is_local(output):
        return _DiskMoves(storage.local_path(swap), storage.local_path(output))
    return _StoreMoves(swap, output)


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


class _DiskMoves:
    def __init__(self, swap: str, output: str):
        self._swap, self._output = swap, output

    def take_out(self, name: str) -> None:
        gone = os.path.join(self._swap, f"old-{uuid.uuid4().hex}")
        try:
            os.rename(os.path.join(self._output, name), gone)
        except FileNotFoundError as error:
            self._check(error)

    def put_in(self, name: str) -> None:
        source, target = os.path.join(self._swap, name), os.path.join(self._output, name)
        try:
            os.link(source, target)
        except FileNotFoundError as error:
            self._check(error)
            raise
        except FileExistsError as error:
            with suppress(FileNotFoundError):
                if os.path.samefile(source, target):
                    return
            self._check(error)
            raise NewsbeamError(f"{target} is there already, and is none of ours") from error
        except OSError:  # a file system without links
            beside = os.path.join(self._swap, f"in-{uuid.uuid4().hex}")
            shutil.copyfile(source, beside)
            os.rename(beside, target)

    def settle(self) -> None:
        durable.sync_folder(self._output)

    def _check(self, error: OSError) -> None:
        if not os.path.isdir(self._swap):
            raise TakenOverError(self._output) from error


class _StoreMoves:
    def __init__(self, swap: str, output: str):
        self._swap, self._output = swap, output

    def take_out(self, name: str) -> None:
        path = storage.join(self._output, name)
        version = objects.version(path)
        if version is None:
            return
        self._check()
        with suppress(FileNotFoundError):
            try:
                objects.delete(path, version)
            except FileExistsError as error:
                raise TakenOverError(self._output) from error

    def put_in(self, name: str) -> None:
        source, target = storage.join(self._swap, name), storage.join(self._output, name)
        self._check()
        try:
            objects.copy(source, target, is_new=True)
        except FileNotFoundError as error:
            raise TakenOverError(self._output) from error
        except FileExistsError as error:
            self._check()
            with suppress(FileNotFoundError):
                if objects.is_same(source, target):
                    return
            raise NewsbeamError(f"{target} is there already, and is none of ours") from error

    def settle(self) -> None:
        """An object store keeps what it has acknowledged."""

    def _check(self) -> None:
        if not storage.exists(storage.join(self._swap, layout.SWAP_RECORD)):
            raise TakenOverError(self._output)
