"""The data model: the shards between the stages, and the columns of their Tables.

A shard is a Table and its place in the corpus. Stages add columns to the Table: read -> `id`,
carried columns, `text`, `error`, `source_row` (and `gold`, and a teacher's `probabilities`);
tokenize -> `token_ids`, `tokens`; score -> `label`, `score`, `probabilities`; of a cascade,
rescore -> `model`, `first_label`, `first_score`; for a coverage, cover -> `label_set`.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipeline import layout
from pipeline.corpus.sources import Columns

METADATA_KEY = b"newsbeam"
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
LABEL_SET = pa.list_(pa.string())
# Columns that only some runs have.
EXTRA = {"label_set": LABEL_SET, "windows": pa.int32(), "model": DICTIONARY}


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


def output_schema(documents: pa.Schema, extra: Sequence[str] = ()) -> pa.Schema:
    """The schema of the published Parquet.

    Args:
        documents: that of the documents.
        extra: which of `EXTRA` there are.
    """
    carried = [field for field in documents if field.name.startswith(CARRIED)]
    fields = [
        documents.field("id"),
        *(pa.field(field.name.removeprefix(CARRIED), field.type) for field in carried),
        pa.field("label", DICTIONARY),
        pa.field("score", pa.float32()),
        pa.field("probabilities", PROBABILITIES),
        *([pa.field("label_set", LABEL_SET)] if "label_set" in extra else []),
        pa.field("tokens", pa.int32()),
        pa.field("error", pa.string()),
        pa.field("source", DICTIONARY),
        pa.field("source_row", pa.int64()),
    ]
    last = [name for name in extra if name != "label_set"]
    return pa.schema(fields + [pa.field(name, EXTRA[name]) for name in last])
