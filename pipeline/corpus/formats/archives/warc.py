"""Web archives, as Common Crawl's CC-News writes them: `*.warc` and `*.warc.gz` (ISO 28500).

One row for every response record, with the article that its page shows. A response that is an
error, no HTML, or has no text is a row in error, with a code that says it was left out on purpose;
a record that can't be read is one row in error, and reading goes on at the next.
"""

import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, cast

import pyarrow as pa
from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from pipeline import storage
from pipeline.corpus.documents import HTTP, NO_TEXT, NOT_HTML, RECORD
from pipeline.corpus.formats.archives.warc_records import (
    BEGINNING,
    MAGIC,
    DamagedRecord,
    TruncatedArchive,
    split,
)
from pipeline.corpus.formats.archives.web_page import article
from pipeline.corpus.formats.compression import DECODING_ERRORS
from pipeline.corpus.formats.lines import Head, gather_rows
from pipeline.corpus.sources import Columns, Facts, ReadSettings, Rows
from pipeline.errors import BadFileError

COLUMNS = ("url", "date", "title", "text", "http_status", "content_type")
SCHEMA = pa.schema([(name, pa.string()) for name in COLUMNS])
HTML = ("text/html", "application/xhtml+xml")


def inspect(path: str, settings: ReadSettings) -> Facts:
    """Looks at the beginning.

    Raises:
        BadFileError: if no web archive begins so.
    """
    try:
        with storage.open_input(path) as stream:
            head = stream.read(len(BEGINNING))
    except OSError as error:
        raise BadFileError(path, error.strerror or str(error)) from error
    if head and not head.startswith((BEGINNING, MAGIC)):
        raise BadFileError(path, "it is no web archive: it begins otherwise")
    return Facts(SCHEMA, None)


def read(
    path: str,
    start: int,
    rows: int | None,
    columns: Columns,
    settings: ReadSettings,
    file_size: int | None = None,
) -> Iterator[Rows]:
    """Reads `rows` responses, or all, behind the first `start`, within `file_size`.

    Raises:
        BadFileError: if it can't be read to its end, after what came before.
    """
    names = columns.names()
    responses = _responses(path, start, file_size, with_page=bool(names))
    found = ((pick(row, names), error, size) for row, error, size in responses)
    yield from gather_rows(islice(found, rows), names, settings.shard_rows)


def pick(row: dict[str, str | None], names: list[str]) -> list[str | None]:
    """The values of the columns that are in use."""
    return [row.get(name) for name in names]


Response = tuple[dict[str, str | None], str | None, int]


def _responses(path: str, start: int, size: int | None, with_page: bool) -> Iterator[Response]:
    """The rows behind the first `start`, of which no page is looked at."""
    number = 0
    try:
        with storage.open_input(path) as stream:
            for content in split(
                path, stream if size is None else cast(IO[bytes], Head(stream, size))
            ):
                if isinstance(content, DamagedRecord):
                    found: Iterable[Response] = [({}, f"{RECORD}: {content}", 0)]
                else:
                    found = _of_record(content, with_page and number >= start)
                for response in found:
                    if number >= start:
                        yield response
                    number += 1
    except (OSError, TruncatedArchive, *DECODING_ERRORS) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadFileError(path, reason) from error


def _of_record(content: bytes, with_page: bool) -> Iterator[Response]:
    """The row of a record, if it is a response."""
    if b"response" not in content[:1024].lower():
        return
    try:
        records = ArchiveIterator(io.BytesIO(content), record_types=WarcRecordType.response)
        for record in islice(records, 1):
            yield (*(to_row(record) if with_page else ({}, None)), len(content))
    except Exception as error:  # whatever its parser raises, the others get their rows
        yield {}, f"{RECORD}: {str(error).strip() or type(error).__name__}", 0


def to_row(record: WarcRecord) -> tuple[dict[str, str | None], str | None]:
    """A response's columns, and its error if there is nothing to label.

    Args:
        record: with its HTTP header parsed.
    """
    status = record.http_headers.status_code if record.http_headers else None
    kind = record.http_content_type
    row: dict[str, str | None] = {
        "url": (record.headers.get("WARC-Target-URI") or "").strip("<>") or None,
        "date": record.headers.get("WARC-Date"),
        "http_status": None if status is None else str(status),
        "content_type": kind,
    }
    if status != 200:
        return row, f"{HTTP}: status {status}"
    if kind is not None and kind.lower() not in HTML:
        return row, f"{NOT_HTML}: {kind}"
    row["title"], row["text"] = article(record.reader.read(), record.http_charset)
    return row, None if row["text"] else f"{NO_TEXT}: the page shows no article"
