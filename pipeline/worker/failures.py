"""How a worker reports to the person who started the run why it failed.

Every runner wraps a worker's exception in its own way, often in pages of traceback. So the worker
writes the one line into the work folder, and whoever started the run reads it there. On a full disk
that fails too; a worker that is a thread of the launcher is then heard all the same.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pipeline import durable, storage
from pipeline.errors import DamagedCheckpointError, NewsbeamError, one_line
from pipeline.layout import FAILURE_PREFIX

_reported_here: dict[str, list[dict[str, Any]]] = {}  # by work folder: failures of this process


@contextmanager
def report_failures(work: str | None) -> Iterator[None]:
    """Leaves the message of an exception raised in the block in the folder `work`."""
    try:
        yield
    except Exception as error:
        if work is not None:
            value = {
                "message": one_line(error),
                "exit_code": getattr(error, "exit_code", 1),
                "known": isinstance(error, NewsbeamError | OSError),
                "damaged": error.path if isinstance(error, DamagedCheckpointError) else None,
            }
            _reported_here.setdefault(work, []).append(value)
            with suppress(OSError):  # a full disk, say; the exception itself goes on
                name = f"{FAILURE_PREFIX}{uuid.uuid4().hex}.json"
                durable.write_json(storage.join(work, name), value, make_folder=False)
        raise


def reported_failure(work: str) -> dict[str, Any] | None:
    """What a worker reported: `message` and `exit_code`; of several, one that explains itself.

    Beside it `damaged`, the path of a checkpoint that must be scored again, if it was that.
    """
    reported = list(_reported_here.get(work, []))
    with suppress(OSError, ValueError):
        reported += [storage.read_json(path) for path in _paths(work)]
    return max(reported, key=lambda value: (value["damaged"] or "", value["known"]), default=None)


def forget_failures(work: str) -> None:
    """Deletes what workers have reported, before a new try."""
    _reported_here.pop(work, None)
    durable.delete(_paths(work))


def _paths(work: str) -> list[str]:
    return [file.path for file in storage.named(work, f"{FAILURE_PREFIX}*.json")]
