"""A stream that is read ahead, and takes back what was read too far."""

from collections.abc import Callable

from pipeline.corpus.formats.compression import DECODING_ERRORS


class Unread:
    """A stream to which what was read may be given back; an error waits until all else is read."""

    def __init__(self, read: Callable[[int], bytes], first: bytes = b""):
        self._read = read
        self._first = first
        self.error: Exception | None = None

    def read(self, size: int) -> bytes:
        """So many bytes, or what there is."""
        found, self._first = self._first[:size], self._first[size:]
        while len(found) < size and self.error is None:
            try:
                more = self._read(size - len(found))
            except (OSError, *DECODING_ERRORS) as error:
                self.error = error
                break
            if not more:
                break
            found += more
        if self.error is not None and not found:
            raise self.error
        return found

    def give_back(self, content: bytes) -> None:
        """Puts bytes before those that come next."""
        self._first = content + self._first
