"""The formats: a format is one file beside this one, and one line here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pipeline.corpus.formats import arrow_ipc, avro, delimited, orc, parquet, tfds
from pipeline.corpus.formats.archives import warc
from pipeline.corpus.formats.compression import without_ending
from pipeline.corpus.formats.json_files import json_values, jsonl, jsonl_pieces
from pipeline.corpus.sources import Columns, Facts, ReadSettings, Rows
from pipeline.errors import BadFileError


class Reader(Protocol):
    """What a format's module has."""

    def inspect(self, path: str, settings: ReadSettings, /) -> Facts:
        """Says what can be known without reading all of an input.

        Raises:
            BadFileError: if it can't be read.
        """

    def read(
        self,
        path: str,
        start: int,
        rows: int | None,
        columns: Columns,
        settings: ReadSettings,
        file_size: int | None = None,
        /,
    ) -> Iterator[Rows]:
        """Reads rows in their order.

        Args:
            path: the input.
            start: the first row; what is before it is passed over as cheaply as may be. It is 0 for
                a format that says neither how many rows there are nor `passed_row_seconds`.
            rows: how many; None for all up to the end.
            columns: which columns; those with dots in their names may lie inside others.
            settings: what a person said of the input.
            file_size: bytes of the file when the run was planned: what was added since is not read.

        Raises:
            BadFileError: if it can't be read so far.
        """


class Piecewise(Protocol):
    """What a format's module has whose plain files can be entered anywhere."""

    def count(
        self, path: str, begin: int, end: int, size: int, /
    ) -> tuple[int, BadFileError | None]:
        """Counts the rows that begin in a stretch of a file's first `size` bytes.

        Returns:
            How many, and why they can't be read to their end, if so.
        """

    def read_from(
        self,
        path: str,
        begin: int,
        rows: int | None,
        columns: Columns,
        settings: ReadSettings,
        size: int,
        /,
    ) -> Iterator[Rows]:
        """Reads the rows that begin at byte `begin` or behind it: see `Reader.read`."""


@dataclass(frozen=True)
class Format:
    """What is known of a format.

    Attributes:
        reader: its module.
        endings: of its files' names, in small letters.
        prefix: of its inputs, where they are no files but names of something else.
        files: the files in which such an input lies, for fingerprints.
        members: of the names of a folder's files, those that are to be read, if the folder is one
            that the format makes; else None.
        is_text: whether files may be compressed, which another ending behind their own says.
        passed_row_seconds: about what it takes to pass over a row, of formats whose large files
            several workers may read, each from its own row on; else None.
        pieces: the module by which a plain file's rows are found from any byte on, if there is one.
        may_grow: whether a file is still the same one if something was added at its end. Not so
            with a footer.
    """

    reader: Reader
    endings: tuple[str, ...] = ()
    prefix: str | None = None
    files: Callable[[str, ReadSettings], list[str]] | None = None
    members: Callable[[list[str]], list[str] | None] | None = None
    is_text: bool = False
    passed_row_seconds: float | None = None
    pieces: Piecewise | None = None
    may_grow: bool = False


FORMATS = {
    "parquet": Format(parquet, (".parquet", ".pq")),
    "csv": Format(delimited, (".csv",), is_text=True, passed_row_seconds=8e-6, may_grow=True),
    "jsonl": Format(
        jsonl,
        (".jsonl", ".ndjson"),
        is_text=True,
        passed_row_seconds=0.6e-6,
        pieces=jsonl_pieces,
        may_grow=True,
    ),
    "json": Format(json_values, (".json",), is_text=True, passed_row_seconds=10e-6),
    "orc": Format(orc, (".orc",)),
    "avro": Format(avro, (".avro",), passed_row_seconds=3e-6),
    "arrow": Format(arrow_ipc, (".arrow", ".feather", ".ipc"), members=arrow_ipc.members),
    "warc": Format(warc, (".warc", ".warc.gz"), passed_row_seconds=100e-6),
    "tfds": Format(tfds, prefix=tfds.PREFIX, files=tfds.files),
}


def members(names: list[str]) -> list[str]:
    """Which of a folder's files are to be read."""
    for format in FORMATS.values():
        wanted = format.members(names) if format.members is not None else None
        if wanted is not None:
            return wanted
    return names


def by_prefix(text: str) -> str | None:
    """The name of the format of an input that is no file; None for a file, folder or pattern."""
    for name, format in FORMATS.items():
        if format.prefix is not None and text.startswith(format.prefix):
            return name
    return None


def by_ending(path: str) -> str | None:
    """The name of the format that has a file's ending, if one has it."""
    for name, format in FORMATS.items():
        plain = without_ending(path) if format.is_text else path
        if plain.lower().endswith(format.endings):
            return name
    return None
