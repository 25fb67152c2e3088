"""Avro object container files (https://avro.apache.org/docs/), read block by block.

The blocks don't say where they lie, so whoever enters a file in its middle passes over those
before, without decoding them. Fields whose type Arrow has no like of (a union of several types, a
type within itself) are not offered. A file that is cut off exactly between two blocks looks whole.
"""

import io
from collections.abc import Iterator
from typing import Any

import fastavro
import fastavro.read
import pyarrow as pa
import zstandard

from pipeline import storage
from pipeline.corpus.formats.damage import damage_named
from pipeline.corpus.formats.lines import Head
from pipeline.corpus.nested import find_path, pick
from pipeline.corpus.sources import Columns, Facts, ReadSettings, Rows

TABLE_BYTES = 32 << 20  # of blocks, decoded at a time

PRIMITIVES = {
    "null": pa.null(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
}
LOGICAL = {
    "date": pa.date32(),
    "time-millis": pa.time32("ms"),
    "time-micros": pa.time64("us"),
    "timestamp-millis": pa.timestamp("ms", "UTC"),
    "timestamp-micros": pa.timestamp("us", "UTC"),
    "local-timestamp-millis": pa.timestamp("ms"),
    "local-timestamp-micros": pa.timestamp("us"),
}


def inspect(path: str, settings: ReadSettings) -> Facts:
    """Reads the schema; the rows can't be counted without reading all of the file.

    Raises:
        BadFileError: if there is no readable header, or the file holds no records.
    """
    with damage_named(path), storage.open_input(path) as stream:
        schema = fastavro.reader(stream).writer_schema
        return Facts(_arrow_schema(schema), None)


def read(
    path: str,
    start: int,
    rows: int | None,
    columns: Columns,
    settings: ReadSettings,
    file_size: int | None = None,
) -> Iterator[Rows]:
    """Reads `rows` rows, or all, behind the first `start`, within `file_size`.

    Raises:
        BadFileError: if it can't be read so far; all whole blocks before have been yielded.
    """
    names = columns.names()
    records: list[dict[str, Any]] = []
    position = -start  # of the next block, among the rows that are wanted
    bad: Exception | None = None
    with damage_named(path), storage.open_input(path) as stream:
        content: Any = stream if file_size is None else Head(stream, file_size)
        reader = fastavro.block_reader(content, handle_unicode_errors="surrogateescape")
        schema = _arrow_schema(reader.writer_schema)
        size = 0
        while rows is None or position < rows:
            try:
                block = next(reader, None)
                if block is None:
                    break
                if position + block.num_records <= 0:
                    position += block.num_records
                    continue
                more: list[Any] = list(block)
            except Exception as error:
                bad = error
                break
            first, position = position, position + len(more)
            more = more[max(0, -first) : None if rows is None else max(0, rows - first)]
            size += block.size
            records += more
            if len(records) >= settings.shard_rows or size >= TABLE_BYTES:
                yield _rows(records, schema, names)
                records, size = [], 0
        if records:
            yield _rows(records, schema, names)
        if bad is not None:
            raise bad


def _rows(records: list[dict[str, Any]], schema: pa.Schema, names: list[str]) -> Rows:
    paths = [find_path(schema, name) for name in names]
    roots = {path[0].name: path[0].type for path in paths if path is not None}
    columns = [_array([record[name] for record in records], kind) for name, kind in roots.items()]
    table = pa.table(columns, names=list(roots))
    return Rows(pick(table, names), pa.nulls(len(records), pa.string()))


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """An Arrow array; of bytes where strings are no UTF-8, which whoever uses them finds out."""
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        if not pa.types.is_string(kind):
            raise
    coded = [None if value is None else value.encode(errors="surrogateescape") for value in values]
    return pa.array(coded, pa.binary())


def _arrow_schema(schema: Any) -> pa.Schema:
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise ValueError("it holds no records")
    kinds = [(field["name"], _arrow_type(field["type"])) for field in schema["fields"]]
    return pa.schema([(name, kind) for name, kind in kinds if kind is not None])


def _arrow_type(schema: Any) -> pa.DataType | None:
    """The Arrow type of an Avro one (parsed by fastavro); None if there is none like it."""
    if isinstance(schema, str):
        return PRIMITIVES.get(schema)  # a name that stands for a type elsewhere isn't followed
    if isinstance(schema, list):
        kinds = [one for one in schema if one != "null"]
        return _arrow_type(kinds[0]) if len(kinds) == 1 else None
    kind = schema["type"]
    logical = schema.get("logicalType")
    if logical == "decimal":
        return pa.decimal128(schema["precision"], schema.get("scale", 0))
    if logical in LOGICAL:
        return LOGICAL[logical]
    if logical == "uuid":
        return None
    if kind == "record":
        fields = [(field["name"], _arrow_type(field["type"])) for field in schema["fields"]]
        return None if any(one is None for _, one in fields) else pa.struct(fields)
    if kind == "enum":
        return pa.string()
    if kind == "fixed":
        return pa.binary(schema["size"])
    if kind in ("array", "map"):
        inner = _arrow_type(schema["items" if kind == "array" else "values"])
        if inner is None:
            return None
        return pa.list_(inner) if kind == "array" else pa.map_(pa.string(), inner)
    return _arrow_type(kind)


def _compressed(stream: Any) -> bytes:
    """A block's bytes, behind their number."""
    value = shift = 0
    while True:
        byte = stream.read(1)
        if not byte:
            raise EOFError("it is cut off within a block")
        value |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            break
    size = (value >> 1) ^ -(value & 1)
    content = stream.read(max(0, size))
    if len(content) != size:
        raise EOFError("it is cut off within a block")
    return content


def _snappy(stream: Any) -> io.BytesIO:
    content = _compressed(stream)[:-4]  # a checksum comes last
    size = shift = 0
    for byte in content:  # how long the plain text is, is written first
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return io.BytesIO(pa.decompress(content, size, "snappy", asbytes=True))


def _zstandard(stream: Any) -> io.BytesIO:
    return io.BytesIO(zstandard.ZstdDecompressor().decompressobj().decompress(_compressed(stream)))


# fastavro wants a library of its own for each of these; we have them already.
fastavro.read.BLOCK_READERS["snappy"] = _snappy
fastavro.read.BLOCK_READERS["zstandard"] = _zstandard
