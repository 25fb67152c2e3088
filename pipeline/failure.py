"""How a worker tells the person who started the run why it failed.

Every runner wraps a worker's exception in its own way, often in pages of traceback. So the worker
leaves the one line in the work folder, and whoever started the run reads it there.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pipeline import storage
from pipeline.errors import NewsbeamError

PREFIX = "failed-"


@contextmanager
def failures_told(work: str | None) -> Iterator[None]:
    """Leaves the message of an exception raised in the block in the folder `work`."""
    try:
        yield
    except Exception as error:
        if work is not None:
            known = isinstance(error, NewsbeamError)
            message = str(error) if known else f"{type(error).__name__}: {error}".split("\n")[0]
            value = {"message": message, "exit_code": getattr(error, "exit_code", 1)}
            with suppress(OSError):  # a full disk, say; the exception itself goes on
                storage.write_json(storage.join(work, f"{PREFIX}{uuid.uuid4().hex}.json"), value)
        raise


def told_failures(work: str) -> list[dict]:
    """What workers have left: dictionaries of `message` and `exit_code`."""
    return [storage.read_json(path) for path in _paths(work)]


def forget_failures(work: str) -> None:
    """Deletes what workers have left, before a new try."""
    storage.delete(_paths(work))


def _paths(work: str) -> list[str]:
    return [file.path for file in storage.named(work, f"{PREFIX}*.json")]
