"""What can go wrong with a run, as a scheduler sees it: one clear line and an exit code."""


class NewsbeamError(Exception):
    """Something a person must be told in one line.

    Attributes:
        exit_code: what the process ends with: 0 done, 1 everything else, 2 wrong use,
            3 too many errors, 4 held by another run.
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


class TooManyErrorsError(NewsbeamError):
    """More rows in error than `--max_error_rate` allows."""

    exit_code = 3


class DriftError(NewsbeamError):
    """The corpus looks much unlike another, and `--fail_on_drift` was given."""


class HeldError(NewsbeamError):
    """Another run holds the output folder."""

    exit_code = 4
