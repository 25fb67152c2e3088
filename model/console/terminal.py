r"""What reaches a person's terminal or log: lines of ours, with what data hold made visible.

A title, a column, a file's name or a bundle's path may hold escape sequences, which a terminal
obeys (some write to the clipboard), and line breaks, which forge a line of ours. Every command
prints by `say`, which shows them as `\x1b` and `\n`.
"""

import os
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

_OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, formats, surrogates, line and paragraph ends
_JOINERS = "\u200c\u200d"  # formats that words and emoji are spelled with
_one_at_a_time = threading.Lock()


def visible(text: str) -> str:
    """A text in one line, with what a terminal would obey shown as Python escapes."""
    if text.isprintable():
        return text
    return "".join(
        sign.encode("unicode_escape").decode()
        if unicodedata.category(sign) in _OBEYED and sign not in _JOINERS
        else sign
        for sign in text
    )


def first_line(error: BaseException) -> str:
    """The first line of what an exception says; the name of its type if it says nothing."""
    return next(
        (line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__
    )


def say(line: str, stream: IO[str] | None = None) -> None:
    """Prints one line, whatever is in it, so that it is seen at once.

    That nobody reads any more, as behind `| head -1`, is no error: what was to be done is done.

    Args:
        line: what to say.
        stream: standard output unless given.
    """
    stream = sys.stdout if stream is None else stream
    try:
        print(visible(line), file=stream, flush=True)
    except OSError as error:
        _close_to_the_world(stream)
        if not isinstance(error, BrokenPipeError):
            raise


def ready_streams() -> None:
    """Makes standard output and error fit to be written to, at the start of a command.

    One that is closed leads nowhere, so that no file we open later takes its descriptor; one whose
    encoding lacks a character, as on an ASCII terminal, shows it as an escape.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest one that is free
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def silent_descriptor() -> Iterator[None]:
    """Drops what libraries write to file descriptor 2; what Python code prints still comes out.

    TensorFlow writes to it while it is imported, before it knows of any log level.
    """
    with _one_at_a_time, silent_programs():
        yield


@contextmanager
def silent_programs() -> Iterator[None]:
    """As `silent_descriptor`, also for programs that are started in the block, to their end.

    A shell writes there that what it has started was killed. Other threads may use both meanwhile.
    """
    python_stream, other_stream = sys.stderr, None
    kept = os.dup(2)
    if _is_descriptor_2(python_stream):
        sys.stderr = other_stream = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
        if sys.stderr is other_stream:
            sys.stderr = python_stream


def _close_to_the_world(stream: IO[str]) -> None:
    """Lets what a stream still holds go nowhere, so that it fails once and not at every flush."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _is_descriptor_2(stream: object) -> bool:
    try:
        return stream.fileno() == 2  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False
