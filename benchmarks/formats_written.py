"""One corpus, written in every format and compression that newsbeam reads."""

import gzip
import html
import io
import json
import lzma
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet

TEXT_COLUMNS = ("title", "description")
ENDINGS = {"none": "", "gzip": ".gz", "bz2": ".bz2", "xz": ".xz", "zstd": ".zst"}
CATALOG = "benchmark"
Write = Callable[[pa.Table, str], Any]


class Corpus(NamedTuple):
    """A corpus in one of the formats.

    Attributes:
        format: and `compression`, as they are called.
        input: as `--input` takes it.
        text_columns: the columns that hold the texts.
    """

    format: str
    compression: str
    input: str
    text_columns: tuple[str, ...] = TEXT_COLUMNS


def write_all(rows: pa.Table, folder: Path) -> list[Corpus]:
    """Writes all of them, Parquet first.

    Args:
        rows: `title` and `description`, strings.
        folder: where to.
    """
    rows = rows.select(list(TEXT_COLUMNS))
    corpora = []
    for kind, compressions in BINARY.items():
        for compression, write in compressions.items():
            path = str(folder / f"{compression}.{kind}")
            write(rows, path)
            corpora.append(Corpus(kind, compression, path))
    for kind, as_text in TEXT.items():
        content = as_text(rows)
        for compression, ending in ENDINGS.items():
            path = str(folder / f"news.{kind}{ending}")
            with compressed(path, compression) as stream:
                stream.write(content)
            corpora.append(Corpus(kind, compression, path))
    archive = str(folder / "news.warc.gz")
    write_warc(rows, archive)
    corpora.append(Corpus("warc", "gzip", archive, ("title", "text")))
    return [*corpora, *write_tables(rows, folder)]


def compressed(path: str, compression: str) -> IO[bytes] | Any:
    """A file that compresses what is written to it."""
    if compression == "xz":
        return lzma.open(path, "wb")
    return pa.output_stream(path, compression=None if compression == "none" else compression)


def _parquet(compression: str) -> Write:
    return lambda rows, path: pa.parquet.write_table(rows, path, compression=compression)


def _orc(compression: str) -> Write:
    return lambda rows, path: pa.orc.write_table(rows, path, compression=compression)


def _feather(compression: str) -> Write:
    return lambda rows, path: pa.feather.write_feather(rows, path, compression=compression)


def _stream(rows: pa.Table, path: str) -> None:
    with pa.ipc.new_stream(path, rows.schema) as writer:
        writer.write_table(rows)


def _avro(codec: str) -> Write:
    def write(rows: pa.Table, path: str) -> None:
        import fastavro

        fields = [{"name": name, "type": ["null", "string"]} for name in rows.column_names]
        schema = {"type": "record", "name": "article", "fields": fields}
        with open(path, "wb") as stream:
            fastavro.writer(stream, schema, rows.to_pylist(), codec=codec)

    return write


BINARY: dict[str, dict[str, Write]] = {
    "parquet": {name: _parquet(name) for name in ("zstd", "none", "snappy", "gzip")},
    "orc": {name: _orc(name) for name in ("uncompressed", "zlib", "zstd")},
    "feather": {name: _feather(name) for name in ("uncompressed", "lz4", "zstd")},
    "arrow": {"none": _stream},
    "avro": {name: _avro(name) for name in ("null", "deflate", "bzip2", "xz")},
}


def _csv(rows: pa.Table) -> bytes:
    stream = io.BytesIO()
    pa.csv.write_csv(rows, stream)
    return stream.getvalue()


def _jsonl(rows: pa.Table) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows.to_pylist()).encode()


def _json(rows: pa.Table) -> bytes:
    return json.dumps(rows.to_pylist()).encode()


TEXT: dict[str, Callable[[pa.Table], bytes]] = {"csv": _csv, "jsonl": _jsonl, "json": _json}


def write_warc(rows: pa.Table, path: str) -> None:
    """A page for each row, each record a gzip member, as crawlers write them."""
    with open(path, "wb") as stream:
        for number, row in enumerate(rows.to_pylist()):
            title, text = (html.escape(row[name]) for name in TEXT_COLUMNS)
            page = (
                f"<!doctype html><html><head><title>{title}</title></head><body>"
                f"<article><h1>{title}</h1><p>{text}</p></article></body></html>"
            )
            head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
            content = (head + page).encode()
            record = (
                "WARC/1.0\r\nWARC-Type: response\r\n"
                f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>\r\n"
                f"WARC-Target-URI: https://news.example/{number}\r\n"
                "WARC-Date: 2026-11-25T00:00:00Z\r\n"
                "Content-Type: application/http; msgtype=response\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            stream.write(gzip.compress(record.encode() + content + b"\r\n\r\n", 6))


def write_tables(rows: pa.Table, folder: Path) -> list[Corpus]:
    """A Delta and an Iceberg table, the latter in a catalogue of its own."""
    from deltalake import write_deltalake

    write_deltalake(str(folder / "delta"), rows, mode="overwrite")
    place = (folder / "iceberg").absolute()
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    own = f"PYICEBERG_CATALOG__{CATALOG.upper()}__"
    os.environ[f"{own}URI"] = f"sqlite:///{place}/catalog.db"
    os.environ[f"{own}WAREHOUSE"] = str(place)
    from pyiceberg.catalog import load_catalog  # reads the environment when it is imported

    catalog = load_catalog(CATALOG)
    catalog.create_namespace("news")
    catalog.create_table("news.daily", rows.schema).append(rows)
    return [
        Corpus("delta table", "snappy", f"delta:{folder / 'delta'}"),
        Corpus("iceberg table", "zstd", f"iceberg:{CATALOG}.news.daily"),
    ]
