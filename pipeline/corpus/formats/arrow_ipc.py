"""Arrow IPC: files (Feather) and streams, recognised by their content, not by their names.

So are the folders that Hugging Face's `save_to_disk` writes: their `data-*.arrow` are streams. A
file is read from its beginning, by one worker.
"""

import os
import re
from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa

from pipeline import storage
from pipeline.corpus.formats.damage import damage_named
from pipeline.corpus.nested import find_path, inside_out, pick
from pipeline.corpus.sources import Columns, Facts, ReadSettings, Rows
from pipeline.errors import BadFileError

FILE_MAGIC = b"ARROW1"
FEATHER_V1_MAGIC = b"FEA1"
STREAM_END = b"\xff\xff\xff\xff\0\0\0\0"
# What `save_to_disk` leaves beside the data, and beside the folders of several splits.
ABOUT_DATA = {"dataset_info.json", "state.json"}
ABOUT_SPLITS = "dataset_dict.json"
_DATA = re.compile(r"data-\d+-of-\d+\.arrow|dataset\.arrow")


def inspect(path: str, settings: ReadSettings) -> Facts:
    """Reads the schema; the rows aren't counted without reading all of them.

    Raises:
        BadFileError: if it is neither a file nor a stream.
    """
    with damage_named(path), storage.open_input(path) as stream:
        reader = _open(path, stream)
        bad = None if _is_whole(stream) else BadFileError(path, "it is cut off: it has no end")
        fields = [
            field.with_type(inside_out(field.type, _of_any_length)) for field in reader.schema
        ]
        return Facts(pa.schema(fields), None, bad=bad)


def read(
    path: str,
    start: int,
    rows: int | None,
    columns: Columns,
    settings: ReadSettings,
    file_size: int | None = None,
) -> Iterator[Rows]:
    """Reads the file from its beginning (`start` is 0), `rows` rows or all.

    Raises:
        BadFileError: if it can't be read so far.
    """
    names = columns.names()
    position = 0
    with damage_named(path), storage.open_input(path) as stream:
        reader = _open(path, stream, names)
        for batch in _batches(reader):
            _check(batch)
            left = batch.num_rows if rows is None else min(batch.num_rows, rows - position)
            table = pa.table(batch).slice(0, left)
            position += left
            yield Rows(pick(table, names), None if names else pa.nulls(left, pa.string()))
            if position == rows:
                return
        if not _is_whole(stream):
            raise BadFileError(path, "it is cut off: it has no end")


def members(names: list[str]) -> list[str] | None:
    """Which files of a folder hold data, if `save_to_disk` has written it; None if it hasn't."""
    if set(names) >= ABOUT_DATA:
        return [name for name in names if _DATA.fullmatch(name)]
    return [] if ABOUT_SPLITS in names else None


def _of_any_length(kind: pa.DataType) -> pa.DataType:
    """A list of any length in the place of one of a fixed length.

    Such a list may be null here; Parquet, which is what comes out, writes it and can't read it.
    """
    if isinstance(kind, pa.FixedShapeTensorType):
        kind = kind.storage_type
    return pa.list_(kind.value_field) if pa.types.is_fixed_size_list(kind) else kind


def _open(path: str, stream: IO[bytes], names: list[str] | None = None) -> Any:
    magic = stream.read(len(FILE_MAGIC))
    stream.seek(0)
    if magic.startswith(FEATHER_V1_MAGIC):
        raise BadFileError(path, "it is Feather of version 1; write it again, as version 2")
    opener = pa.ipc.open_file if magic == FILE_MAGIC else pa.ipc.open_stream
    reader = opener(stream)
    if not names:
        return reader
    wanted = {way[0].name for way in (find_path(reader.schema, name) for name in names) if way}
    fields = [number for number, name in enumerate(reader.schema.names) if name in wanted]
    stream.seek(0)
    return opener(stream, options=pa.ipc.IpcReadOptions(included_fields=fields))


def _batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.RecordBatchFileReader):
        yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
    else:
        yield from reader


def _check(batch: pa.RecordBatch) -> None:
    """Sees to it that a damaged batch points nowhere beyond itself: what uses it would crash.

    That strings are UTF-8 is not asked here: one that isn't is its row's error.
    """
    for column in batch.columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
                raise
            is_wide = pa.types.is_large_string(column.type)
            column.view(pa.large_binary() if is_wide else pa.binary()).validate(full=True)


def _is_whole(stream: IO[bytes]) -> bool:
    """Whether a stream's end is there, without which one that was cut off looks like a whole one.

    A file's end is its footer, which has been read when it is opened.
    """
    stream.seek(0)
    if stream.read(len(FILE_MAGIC)) == FILE_MAGIC:
        return True
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - len(STREAM_END)))
    return stream.read() == STREAM_END
