"""The records of a web archive (WARC, ISO 28500), each by itself, whatever is wrong with others.

Archives of the Web compress each record as a gzip member of its own. So where one is damaged,
reading goes on at the next; and a length that is wrong, as some of CC-News are, reaches no further
than its member. In an archive that isn't compressed, or as a whole, the next record is found by
how it begins.
"""

import io
import zlib
from collections.abc import Iterator
from typing import IO, cast

from pipeline.corpus.formats.archives.unread import Unread
from pipeline.corpus.formats.compression import open_plain, read_some

MAGIC = b"\x1f\x8b\x08"  # gzip, RFC 1952
BEGINNING = b"WARC/"
GAP = b"\r\n\r\n"  # behind a header, and behind a record
READ_BYTES = 1 << 20
RECORD_BYTES = 64 << 20  # a larger gzip member holds the whole archive
HEADER_BYTES = 1 << 20


class DamagedRecord(Exception):
    """A stretch of an archive that can't be read; the message says why."""


class TruncatedArchive(Exception):
    """The archive ends within a record; the message says where."""


def split(path: str, stream: IO[bytes]) -> Iterator[bytes | DamagedRecord]:
    """Cuts an archive into its records.

    Args:
        path: its name, whose ending says how it is compressed as a whole.
        stream: its bytes, from the beginning.

    Yields:
        A record's bytes, its header first; or what is wrong with those that can't be had.

    Raises:
        TruncatedArchive: if it ends within a record.
    """
    first = stream.read(READ_BYTES)
    if not first.startswith(MAGIC):
        yield from _plain_records(_plain(path, Unread(stream.read, first)))
        return
    inflate = zlib.decompressobj(31)
    head = inflate.decompress(first, RECORD_BYTES)
    is_whole = _count(head) > 1 or (not inflate.eof and len(head) >= RECORD_BYTES)
    if is_whole:
        path = path if path.lower().endswith(".gz") else f"{path}.gz"
        yield from _plain_records(_plain(path, Unread(stream.read, first)))
    else:
        yield from _members(Unread(stream.read, first))


def _count(content: bytes) -> int:
    return content.startswith(BEGINNING) + content.count(GAP + BEGINNING)


def _plain(path: str, stream: Unread) -> Unread:
    text = open_plain(path, cast("IO[bytes]", stream))
    return Unread(lambda size: read_some(text, size))


def _members(stream: Unread) -> Iterator[bytes | DamagedRecord]:
    """The records of an archive in which each is a gzip member."""
    raw, is_damaged = stream.read(READ_BYTES), False
    while raw := raw.lstrip(b"\0"):
        content, used = b"", 0
        reason = "it is no gzip member"
        if raw.startswith(MAGIC):
            inflate = zlib.decompressobj(31)
            try:
                parts = [inflate.decompress(raw, RECORD_BYTES)]
                used = len(raw)
                while not inflate.eof:
                    more = inflate.unconsumed_tail or stream.read(READ_BYTES)
                    if not more:
                        raise TruncatedArchive("it ends in the middle of a record")
                    if not inflate.unconsumed_tail:
                        raw += more
                    parts.append(inflate.decompress(more, RECORD_BYTES))
                    if sum(map(len, parts)) > 4 * RECORD_BYTES:
                        raise zlib.error("it is too large for a record")
                content, used = b"".join(parts), len(raw) - len(inflate.unused_data)
                reason = "it does not begin as a record does"
            except zlib.error as error:
                reason = str(error)
        if content.startswith(BEGINNING):
            is_damaged = False
            if _count(content) > 1:
                yield from _plain_records(Unread(io.BytesIO(content).read))
            else:
                yield content
            raw = raw[used:] or stream.read(READ_BYTES)
            continue
        if not is_damaged:  # of several tries to find the next one, the first is reported
            yield DamagedRecord(reason)
            is_damaged = True
        raw = _from_the_next(raw[1:], stream)


def _from_the_next(raw: bytes, stream: Unread) -> bytes:
    """The bytes from the next gzip member on; none if none begins."""
    while (at := raw.find(MAGIC)) < 0:
        more = stream.read(READ_BYTES)
        if not more:
            return b""
        raw = raw[-2:] + more
    return raw[at:]


def _plain_records(stream: Unread) -> Iterator[bytes | DamagedRecord]:
    """The records of an archive that isn't compressed record by record."""
    while header := _header(stream):
        if isinstance(header, DamagedRecord):
            yield header
            continue
        length = _length(header)
        if length is None or length > 4 * RECORD_BYTES:
            yield DamagedRecord("its header gives no length, or too large a one")
            _seek_record(stream, b"")
            continue
        body = stream.read(length)
        end = stream.read(4 + len(BEGINNING))
        if len(body) == length and end in (b"", GAP, GAP + BEGINNING):
            stream.give_back(end.removeprefix(GAP))
            yield header + body
        elif len(body) == length or GAP + BEGINNING in body:
            # Its length is wrong: the record ends where the next one begins.
            yield header + _seek_record(stream, body + end)
        else:
            raise stream.error or TruncatedArchive("it ends in the middle of a record")


def _header(stream: Unread) -> bytes | DamagedRecord:
    """A record's header with the empty line behind it; nothing at the archive's end."""
    content = stream.read(READ_BYTES).lstrip(b"\r\n")
    if not content:
        return b""
    end = content.find(b"\r\n\r\n", 0, HEADER_BYTES)
    if not content.startswith(BEGINNING) or end < 0:
        _seek_record(stream, content[1:])
        return DamagedRecord("no record begins here")
    stream.give_back(content[end + 4 :])
    return content[: end + 4]


def _seek_record(stream: Unread, content: bytes) -> bytes:
    """Goes to where the next record begins, and gives what lies before it."""
    mark, passed = GAP + BEGINNING, b""
    while (at := content.find(mark)) < 0:
        more = stream.read(READ_BYTES)
        if not more:
            return passed + content
        keep = len(content) - len(mark)
        if keep > 0:
            passed, content = passed + content[:keep], content[keep:]
        content += more
    stream.give_back(content[at + 4 :])
    return passed + content[:at]


def _length(header: bytes) -> int | None:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return None
