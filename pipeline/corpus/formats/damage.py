"""Whatever a library raises over a file is that file's error, in one line that names it."""

from collections.abc import Iterator
from contextlib import contextmanager

from model.console.terminal import first_line
from pipeline.errors import BadFileError, NewsbeamError


@contextmanager
def damage_named(path: str) -> Iterator[None]:
    """Turns what is raised in the block into a `BadFileError`.

    Of any class: over damaged files libraries raise UnicodeDecodeError, SystemError and others that
    they don't speak of.
    """
    try:
        yield
    except NewsbeamError:
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise BadFileError(path, reason.removesuffix(".")) from error
