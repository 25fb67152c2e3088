"""The single acts by which files go into an output folder and out of it, each of them fenced.

An attempt to publish has a folder of its own, the swap. On a disk each of its acts has one end
there: a file goes out by a rename into the swap and in by a link from it. Whoever takes the swap
away, by one rename (`attempts.py`), ends the attempt: none of its acts succeeds any more. In
Google Cloud Storage a file goes in by a copy from the swap and out by a deletion, on condition that
nobody has changed what was there (generations).
"""

import os
import shutil
import uuid
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
