"""What comes in: sources and work items of the plan, and what a format is asked and answers.

Which columns are used (`Columns`) and how to read (`ReadSettings`) are a format's questions; what
is in a source (`Facts`) and its rows, a stretch at a time (`Rows`), its answers.
"""

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from pipeline.corpus.nested import find_path
from pipeline.errors import BadFileError

AS_TEXT = "text:"  # before a column's name: the column as a text to be labelled


@dataclass(frozen=True)
class Columns:
    """Which columns of the corpus are used, and under which names they come out.

    Attributes:
        text: the columns whose text is joined by a space and labelled.
        id: the column that names a row; None for `<source>#<source_row>`.
        carry: pairs of column and output name.
        gold: the column with the true label, if there is one.
        probabilities: the column with a teacher's probabilities, if some inputs have one.
    """

    text: tuple[str, ...]
    id: str | None = None
    carry: tuple[tuple[str, str], ...] = ()
    gold: str | None = None
    probabilities: str | None = None

    def carried(self) -> set[str]:
        """The columns that are copied to the output."""
        return {column for column, _ in self.carry}

    def values(self) -> set[str]:
        """Columns whose values come out as they are, or are compared; not only as text."""
        used = self.carried() | {self.id, self.gold, self.probabilities}
        return {name for name in used if name is not None}

    def names(self) -> list[str]:
        """Every column that must be read, each once, in the order of first use."""
        used = [
            self.id,
            *(column for column, _ in self.carry),
            *self.text,
            self.gold,
            self.probabilities,
        ]
        return list(dict.fromkeys(name for name in used if name is not None))

    def of(self, is_teachers: bool) -> "Columns":
        """Those that one input has: a teacher's has probabilities, any other the true label."""
        if is_teachers:
            return dataclasses.replace(self, gold=None)
        return dataclasses.replace(self, probabilities=None)


class View(NamedTuple):
    """How a table sees one of its files.

    Attributes:
        columns: of each column in use its name in the table, its name in the file, and as text the
            value of all rows where the file lacks it. Neither: it is null.
        deleted: which of the file's rows the table has no more, as `tables.view.pack` writes it.
    """

    columns: tuple[tuple[str, str | None, str | None], ...]
    deleted: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One input file, or one split of a TensorFlow Datasets data set.

    Attributes:
        path: as it is written to the output's `source` column.
        format: its name in `pipeline.corpus.formats.registry`.
        size: bytes.
        rows: known from a footer; unknown (None) where that takes reading to the end.
        fingerprint: changes when the content changes.
        modified_ns: when a file on a disk was last written, in nanoseconds; else None.
        labels: of a teacher's: the names that its footer gives to its probabilities, in their
            order; else None.
        view: of a table's file: how the table sees it, if that is not as it is.
    """

    path: str
    format: str
    size: int
    rows: int | None
    fingerprint: str
    modified_ns: int | None = None
    labels: tuple[str, ...] | None = None
    view: View | None = None


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A part of one source that a worker reads in one go.

    Attributes:
        number: its place in the corpus, from 0.
        source: the source's number in the plan.
        start: the first row; 0 of a piece whose rows aren't counted yet.
        rows: how many rows; None for all up to the end, or where that isn't counted yet.
        piece: its number among the pieces into which a source of unknown length is cut.
        pieces: how many those are; 1 for a source that isn't.
    """

    number: int
    source: int
    start: int
    rows: int | None
    piece: int = 0
    pieces: int = 1


@dataclass(frozen=True)
class ReadSettings:
    """What a format must know beside the path.

    Attributes:
        shard_rows: rows that are wanted at a time, at the most.
        csv_columns: the columns of a CSV file that has no header line.
        tfds_data_dir: where TensorFlow Datasets' data lie; None for TFDS's own place.
    """

    shard_rows: int
    csv_columns: tuple[str, ...] | None = None
    tfds_data_dir: str | None = None


class Facts(NamedTuple):
    """What a format's `inspect` finds out without reading all of a source.

    Attributes:
        schema: the columns. Of JSON lines, the keys of the first rows.
        rows: how many rows; unknown (None) where that takes reading to the end.
        shards: rows of each part that is best read by itself; None for the whole.
        bad: why it can't be read to its end, where a look at the beginning shows it.
        inner: of JSON lines, the dotted names of what lies in the objects of the first rows. (What
            lies in structs, the schema says.)
        inside: of a table's file, the columns that lie in it; the schema is the table's.
    """

    schema: pa.Schema
    rows: int | None
    shards: list[int] | None = None
    bad: BadFileError | None = None
    inner: frozenset[str] = frozenset()
    inside: pa.Schema | None = None

    def type_of(self, column: str) -> pa.DataType | None:
        """The type of a column, or of one inside another; None if there is none."""
        if column in self.inner and column not in self.schema.names:
            return pa.string()
        path = find_path(self.schema, column)
        return None if path is None else path[-1].type


class Rows(NamedTuple):
    """A stretch of a source as a format's `read` yields it.

    Attributes:
        table: the columns that were asked for, under the corpus' own names; and where a column's
            text is another than its value, and both are asked for, the text under `AS_TEXT` and
            its name.
        error: string, null for a row that was read well; None if all were.
    """

    table: pa.Table
    error: pa.Array | None = None

    @property
    def num_rows(self) -> int:
        """How many rows; a table of no columns doesn't know."""
        return self.table.num_rows if self.error is None else len(self.error)
