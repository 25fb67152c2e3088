"""The data model: the plan's sources and work items, and the shards between the stages.

A shard is a Table and its place in the corpus. Stages add columns to the Table: read -> `id`,
carried columns, `text`, `error`, `source_row` (and `gold`, and a
teacher's `probabilities`); tokenize -> `token_ids`, `tokens`; score -> `label`, `score`,
`probabilities`; of a cascade, rescore -> `model`, `first_label`, `first_score`.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline import layout
from pipeline.corpus.nested import find_path
from pipeline.errors import BadFileError

METADATA_KEY = b"newsbeam"
AS_TEXT = "text:"  # before a column's name: the column as a text to be labelled
CARRIED = "carried:"  # before a carried column's name on its way: it may be called `text` or `gold`

# Why a row has no label: `error` is "code: detail" with one of these codes.
BLANK = "blank"  # no text, or only white space
JSON = "json"  # a line that is no JSON object
FIELDS = "fields"  # a CSV row with too few or too many fields
QUOTE = "quote"  # a CSV quote that is still open after a megabyte
ENCODING = "encoding"  # bytes that are no UTF-8
NO_TOKENS = "no_tokens"  # a text without a token, such as punctuation alone
MODEL = "model"  # the model failed on this row alone
LANGUAGE = "language"  # a text in a language that was not asked for
RECORD = "record"  # a record of a web archive that can't be read
HTTP = "http"  # a web server's answer that is an error
NOT_HTML = "not_html"  # a web server's answer that is no page
NO_TEXT = "no_text"  # a page that shows no article
LEFT_OUT = (LANGUAGE, HTTP, NOT_HTML, NO_TEXT)  # on purpose: nothing is wrong with these rows

DICTIONARY = pa.dictionary(pa.int32(), pa.string())
PROBABILITIES = pa.list_(pa.float32())


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
    """

    path: str
    format: str
    size: int
    rows: int | None
    fingerprint: str
    modified_ns: int | None = None
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A part of one source that a worker reads in one go.

    Attributes:
        number: its place in the corpus, from 0.
        source: the source's number in the plan.
        start: the first row.
        rows: how many rows; None for all up to the end.
    """

    number: int
    source: int
    start: int
    rows: int | None


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
    """

    schema: pa.Schema
    rows: int | None
    shards: list[int] | None = None
    bad: BadFileError | None = None
    inner: frozenset[str] = frozenset()

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


@dataclass(frozen=True)
class Shard:
    """A Table on its way through the stages: which part of the corpus it is, and what was measured.

    Attributes:
        table: its rows.
        item: number of the work item.
        number: number of the Table in it, from 0.
        last: whether the item ends here.
        source: path of the source.
        bad_file: why the source could not be read past this Table, if so.
        counts: what the stages measured: milliseconds, tokens, padding, unknown tokens.
        languages: how many of the texts that were looked at are in which language.
    """

    table: pa.Table
    item: int
    number: int
    last: bool
    source: str
    bad_file: str | None = None
    counts: dict[str, float] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """The name of its checkpoint."""
        return layout.checkpoint_name(self.item, self.number, self.last)

    def becomes(self, table: pa.Table, **counts: float) -> "Shard":
        """The same part of the corpus after a stage, with what that has measured."""
        return dataclasses.replace(self, table=table, counts={**self.counts, **counts})


def document_schema(plan_schema: dict[str, pa.DataType], columns: Columns) -> pa.Schema:
    """The schema of what `ReadDocuments` yields.

    Args:
        plan_schema: type of each column in use, as the plan settled it over all the inputs.
        columns: the columns in use.
    """
    id_type = plan_schema[columns.id] if columns.id else pa.string()
    fields: list[tuple[str, Any]] = [("id", id_type)]
    fields += [(CARRIED + name, plan_schema[column]) for column, name in columns.carry]
    fields += [("text", pa.string()), ("error", pa.string()), ("source_row", pa.int64())]
    if columns.gold:
        fields.append(("gold", pa.string()))
    if columns.probabilities:
        fields.append(("probabilities", PROBABILITIES))
    return pa.schema(fields)


def output_schema(documents: pa.Schema, cascade: bool = False) -> pa.Schema:
    """The schema of the published Parquet, from that of the documents."""
    carried = [field for field in documents if field.name.startswith(CARRIED)]
    fields = [
        documents.field("id"),
        *(pa.field(field.name.removeprefix(CARRIED), field.type) for field in carried),
        pa.field("label", DICTIONARY),
        pa.field("score", pa.float32()),
        pa.field("probabilities", PROBABILITIES),
        pa.field("tokens", pa.int32()),
        pa.field("error", pa.string()),
        pa.field("source", DICTIONARY),
        pa.field("source_row", pa.int64()),
    ]
    return pa.schema(fields + ([pa.field("model", DICTIONARY)] if cascade else []))
