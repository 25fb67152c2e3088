"""Reads of a store that fail for a moment are tried again, a few times and with pauses.

Google's client does so, too, for two minutes; what it still raises then ended a run. What is no
passing error (no such object, no right to read it, no room) is raised at once.
"""

import errno
import io
import time
from collections.abc import Callable, Iterator
from typing import IO, TypeVar

Answer = TypeVar("Answer")
PAUSES = (1.0, 4.0, 16.0)  # seconds, each before one more try
STATUSES = (408, 429, 500, 502, 503, 504)  # of HTTP, that say: later perhaps
NUMBERS = (
    errno.EAGAIN,
    errno.ECONNABORTED,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EPIPE,
    errno.ETIMEDOUT,
)


def patiently(act: Callable[[], Answer]) -> Answer:
    """Does what only reads, and again where that fails for a moment.

    Raises:
        Exception: what the last try has raised, or the first error that will not pass.
    """
    for pause in PAUSES:
        try:
            return act()
        except Exception as error:
            if not passes(error):
                raise
            time.sleep(pause)
    return act()


def passes(error: BaseException) -> bool:
    """Whether an error of a store, or of the way to it, may be gone a moment later."""
    import requests
    from google.api_core.exceptions import RetryError

    networks = (
        requests.exceptions.ConnectionError,
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.Timeout,
    )
    for one in _reasons(error):
        response = getattr(one, "response", None)
        status = getattr(one, "code", None) or getattr(response, "status_code", None)
        if status in STATUSES or isinstance(one, (*networks, RetryError, TimeoutError)):
            return True
        if isinstance(one, OSError) and one.errno in NUMBERS:
            return True
    return False


def is_read_error(error: BaseException | None) -> bool:
    """Whether a disk or a store has failed, which says nothing of what a file holds."""
    lasting = (errno.EIO, errno.ESTALE)
    return error is not None and (passes(error) or getattr(error, "errno", None) in lasting)


def _reasons(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that Beam's has gathered: of a pattern, of its listing."""
    yield error
    gathered = getattr(error, "exception_details", None)
    for one in gathered.values() if isinstance(gathered, dict) else ():
        if isinstance(one, BaseException):
            yield from _reasons(one)


class PatientStream(io.RawIOBase):
    """A stream of an object that is opened again, and read on, where reading fails for a moment.

    Args:
        open_object: opens the object at its beginning.
    """

    def __init__(self, open_object: Callable[[], IO[bytes]]):
        self._open = open_object
        self._stream: IO[bytes] | None = patiently(open_object)
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = patiently(lambda: self._at_place().seek(offset, whence))
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        content = patiently(lambda: self._read(-1 if size is None else size))
        self._place += len(content)
        return content

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer) -> int:
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        if self._stream is not None and not self.closed:
            self._stream.close()
        super().close()

    def _read(self, size: int) -> bytes:
        try:
            return self._at_place().read(size)
        except Exception:
            self._stream = None  # nobody knows how far it is
            raise

    def _at_place(self) -> IO[bytes]:
        if self._stream is None:
            self._stream = self._open()
            self._stream.seek(self._place)
        return self._stream
