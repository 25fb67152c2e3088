"""Compressed text: gzip, bzip2, xz and zstd, of one or of several members (or frames).

All that can be decompressed is handed on before an end that is missing or damage is reported.
Beam's own streams end silently there, and libraries' file objects take what they have read last
along. A file of no bytes is an empty text, whatever its name ends in.
"""

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from typing import IO, Any

import zstandard

READ_BYTES = 1 << 20
# Decompressed in one go: of gzip a kilobyte becomes a megabyte at the most, of zstd 32. What is
# damaged in it takes the rest of it along.
STEP_BYTES = 1 << 10
TEXT_BYTES = 16 << 20  # of bzip2 and xz, of which a kilobyte may become a gigabyte
ZSTD_WINDOW_BYTES = 1 << 31  # what `zstd --long=31` writes, as archives of the Web are

DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    ".gz": lambda: zlib.decompressobj(wbits=31),
    ".bz2": bz2.BZ2Decompressor,
    ".xz": lzma.LZMADecompressor,
    ".zst": lambda: zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES).decompressobj(),
}
ENDINGS = tuple(DECOMPRESSORS)
DECODING_ERRORS = (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


def without_ending(path: str) -> str:
    """A file's name without the ending that says how it is compressed."""
    return path[: -len(ending)] if (ending := ending_of(path)) else path


def open_plain(path: str, stream: IO[bytes]) -> io.BufferedReader:
    """Reads what a file holds, decompressed if its name says that it is compressed.

    Reading raises one of `DECODING_ERRORS` where the content can't be decompressed any further.
    """
    ending = ending_of(path)
    chunks = iter(lambda: stream.read(READ_BYTES), b"")
    if ending:
        chunks = decompress(chunks, DECOMPRESSORS[ending])
    return io.BufferedReader(_Chunks(chunks), READ_BYTES)


def before(head: bytes, stream: io.BufferedReader) -> io.BufferedReader:
    """The stream with what was read of it put back."""
    rest = iter(lambda: stream.read1(READ_BYTES), b"")
    return io.BufferedReader(_Chunks(chain([head], rest)), READ_BYTES)


def read_some(stream: io.BufferedReader, size: int) -> bytes:
    """Reads `size` bytes, or what there is before the end or an error; the next call raises it."""
    blocks: list[bytes] = []
    while size > 0:
        try:
            content = stream.read1(size)
        except (OSError, *DECODING_ERRORS):
            if not blocks:
                raise
            break
        if not content:
            break
        blocks.append(content)
        size -= len(content)
    return b"".join(blocks)


def ending_of(path: str) -> str | None:
    """The ending that says how a file is compressed; None of a plain one."""
    return next((ending for ending in ENDINGS if path.lower().endswith(ending)), None)


def decompress(chunks: Iterator[bytes], start: Callable[[], Any]) -> Iterator[bytes]:
    """Decompresses members that follow each other, also with zeros between them, as on tapes.

    Args:
        chunks: the compressed bytes.
        start: makes a decompressor of one member.
    """
    member: Any = None
    for chunk in chunks:
        for at in range(0, len(chunk), STEP_BYTES):
            content = chunk[at : at + STEP_BYTES]
            while content:
                if member is None:
                    content = content.lstrip(b"\0")
                    if not content:
                        break
                    member = start()
                yield from _text_of(member, content)
                content = b""
                if member.eof:
                    content, member = member.unused_data, None
    if member is not None:
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")


def _text_of(member: Any, content: bytes) -> Iterator[bytes]:
    if not hasattr(member, "needs_input"):
        yield member.decompress(content)
        return
    yield member.decompress(content, TEXT_BYTES)
    while not (member.needs_input or member.eof):
        yield member.decompress(b"", TEXT_BYTES)


class _Chunks(io.RawIOBase):
    """A stream of the bytes that an iterator yields; what it raises is raised at every read."""

    def __init__(self, chunks: Iterator[bytes]):
        self._chunks = chunks
        self._left = memoryview(b"")
        self._error: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            if self._error is not None:
                raise self._error
            try:
                chunk = next(self._chunks, None)
            except Exception as error:
                self._error = error
                raise
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
