"""What can go wrong with a run, as a scheduler sees it: one clear line and an exit code."""

import errno
import json

from model.console.terminal import first_line


class NewsbeamError(Exception):
    """Something a person must know, in one line.

    Attributes:
        exit_code: what the process ends with: 0 done, 1 everything else, 2 wrong use,
            3 too many errors, 4 locked by another run.
    """

    exit_code = 1


class UsageError(NewsbeamError):
    """Wrong use: seen before any work, nothing was written."""

    exit_code = 2


class BadFileError(NewsbeamError):
    """An input that cannot be read to its end."""

    def __init__(self, path: str, reason: str):
        super().__init__(f"cannot read {path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self):
        return (BadFileError, (self.path, self.reason))


class DamagedCheckpointError(NewsbeamError):
    """A checkpoint of ours that can't be read: its rows are scored again."""

    def __init__(self, path: str):
        super().__init__(f"the checkpoint {path} was damaged, and is deleted")
        self.path = path

    def __reduce__(self):
        return (DamagedCheckpointError, (self.path,))


class TooManyErrorsError(NewsbeamError):
    """More rows in error than `--max_error_rate` allows."""

    exit_code = 3


class DriftError(NewsbeamError):
    """The corpus looks much unlike another, and `--fail_on_drift` was given."""


class LockedError(NewsbeamError):
    """Another run holds the output folder."""

    exit_code = 4


def locked_by(output: str, content: str | bytes) -> LockedError:
    """Says who has locked a folder, from what the lock file says."""
    try:
        who = json.loads(content)
        by = f"process {who['pid']} on {who['host']} since {who['since']}"
    except (ValueError, KeyError, TypeError):
        by = "another run"
    return LockedError(f"{output} is locked by {by}; wait for it or stop it")


def one_line(error: BaseException) -> str:
    """What is said of an exception, in one line."""
    if isinstance(error, NewsbeamError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        where = f": {error.filename}" if error.filename else ""
        hint = ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "; make room and run the same command again"
        return f"{error.strerror or error.errno}{where}{hint}"
    first, name = first_line(error), type(error).__name__
    return name if first == name else f"{name}: {first}"
