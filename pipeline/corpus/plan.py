"""The plan: what is read, with what it is scored, and how the work is cut.

Everything that decides the result is in it and under its digest: inputs with fingerprints, the
bundle's digest, columns, engine, precision, token budget. So two runs with one digest give the
same rows. A run that died is continued by its saved plan, by whoever asks for the same: see
`same_run.py`. The plan lies in a file; the job graph holds its path only, since a graph may have
10 MB and a plan may have more.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pyarrow as pa

from pipeline import storage
from pipeline.corpus.documents import (
    Columns,
    Facts,
    ReadSettings,
    Source,
    WorkItem,
    document_schema,
    output_schema,
)
from pipeline.corpus.fingerprint import Fingerprints, Seen
from pipeline.corpus.schema import check_teachers, choose_columns, teachers_labels, unite
from pipeline.errors import BadFileError, UsageError

LOOKERS = 32  # inputs in a store that the planner looks into at a time
LOCAL_LOOKERS = 4
TABLES_PER_ITEM = 8  # a Parquet item is small enough to share out, large enough to be worth it
MODULES = {
    "parquet": "pipeline.corpus.formats.parquet",
    "csv": "pipeline.corpus.formats.delimited",
    "jsonl": "pipeline.corpus.formats.jsonl",
    "tfds": "pipeline.corpus.formats.tfds",
}


@dataclass(frozen=True)
class Plan:
    """A run, before it begins.

    Attributes:
        settings: all that decides the result beside the sources, as JSON values.
        columns: which columns are used.
        schema: type of each column in use.
        reading: what the formats must be told.
        sources: the inputs in the corpus' order.
        items: the pieces of work in the corpus' order.
        skipped: path and reason of inputs that can't be read.
    """

    settings: dict[str, Any]
    columns: Columns
    schema: dict[str, pa.DataType]
    reading: ReadSettings
    sources: list[Source]
    items: list[WorkItem]
    skipped: list[tuple[str, str]]

    def identity(self) -> dict[str, Any]:
        """All that decides the result, as JSON values."""
        # `on_bad_file` decides whether a run ends, not what one that does end has written; so a run
        # that met a bad file can be continued without it. The labels are the bundle's.
        implied = ("on_bad_file", "labels")
        return {
            "settings": {k: v for k, v in self.settings.items() if k not in implied},
            "columns": _without_none(_plain(self.columns), "probabilities"),
            "reading": {k: v for k, v in _plain(self.reading).items() if k != "tfds_data_dir"},
            "sources": [[source.path, source.fingerprint] for source in self.sources],
            "skipped": [path for path, _ in self.skipped],
        }

    def output_schema(self) -> pa.Schema:
        """The columns of what is published."""
        documents = document_schema(self.schema, self.columns)
        return output_schema(documents, is_cascade(self.settings))

    def origin(self) -> dict[str, Any]:
        """What every file that is written says, in its footer, of where its labels come from."""
        wanted = ("bundle", "version", "labels")  # no labels: a run that an older version began
        return {name: self.settings[name] for name in wanted if name in self.settings}

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of `identity()`, in hexadecimal digits."""
        text = json.dumps(self.identity(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def rows(self) -> int | None:
        """The rows of all sources together, if that is known."""
        counts = [item.rows for item in self.items]
        return None if None in counts else sum(c for c in counts if c is not None)


def is_cascade(settings: dict[str, Any]) -> bool:
    """Whether a second bundle labels the rows of which the first is unsure."""
    return "then" in settings


def format_module(name: str) -> Any:
    """The module that reads a format: it has `inspect` and `read`."""
    return import_module(MODULES[name])


def make_plan(
    inputs: list[tuple[str, str]],
    text_columns: list[str],
    settings: dict[str, Any],
    *,
    id_column: str | None = None,
    carry_columns: list[str] | None = None,
    gold_column: str | None = None,
    probabilities_column: str | None = None,
    reading: ReadSettings,
    limit: int | None = None,
    on_bad_file: str = "fail",
    fingerprints: Fingerprints | None = None,
) -> Plan:
    """Looks into every input and cuts the work.

    Args:
        inputs: pairs of path and format, from `find_inputs`.
        text_columns: the columns that are joined and labelled.
        settings: what else decides the result (bundle digest, engine, ...), as JSON values.
        id_column: the column that names a row.
        carry_columns: columns to copy, each `name` or `name:new_name`, or `all`.
        gold_column: the column with the true label.
        probabilities_column: the column with a teacher's probabilities, in the inputs that have it.
        reading: what the formats must be told.
        limit: take only so many rows.
        on_bad_file: `fail` or `skip`.
        fingerprints: where they are remembered, if not in the usual place.

    Raises:
        UsageError: for a missing column, clashing inputs, or an input that can't be read.
    """
    sources: list[Source] = []
    facts: list[Facts] = []
    skipped: list[tuple[str, str]] = []
    with fingerprints or Fingerprints() as known:
        for (path, kind), looked in _look_into(inputs, reading, known):
            if isinstance(looked, Exception):
                reason = looked.reason if isinstance(looked, BadFileError) else _reason(looked)
                if on_bad_file == "fail":
                    raise UsageError(f"cannot read {path}: {reason}") from looked
                skipped.append((path, reason))
                continue
            seen, found = looked
            sources.append(Source(path, kind, seen.size, found.rows, seen.digest, seen.modified_ns))
            facts.append(found)
    schemas = [(source.path, found.schema) for source, found in zip(sources, facts, strict=True)]
    columns = choose_columns(
        schemas,
        text_columns,
        id_column,
        carry_columns or [],
        gold_column,
        is_cascade(settings),
        probabilities_column,
    )
    labels = [(path, teachers_labels(path, one, probabilities_column)) for path, one in schemas]
    check_teachers(labels)
    sources = [
        dataclasses.replace(source, labels=names)
        for source, (_, names) in zip(sources, labels, strict=True)
    ]
    items = _cut(sources, facts, columns, reading, limit)
    return Plan(
        settings={**settings, "limit": limit},
        columns=columns,
        schema=unite(schemas, columns),
        reading=reading,
        sources=sources,
        items=items,
        skipped=skipped,
    )


def _look_into(
    inputs: list[tuple[str, str]], reading: ReadSettings, fingerprints: Fingerprints
) -> Iterator[tuple[tuple[str, str], tuple[Seen, Facts] | BadFileError | OSError]]:
    """Fingerprints and inspects inputs, in their order; what can't be read comes with its error.

    Many at a time, since in a store nearly all of it is waiting for answers: five requests of
    some 50 ms for each file, which for 20,000 files are more than an hour one after the other.
    """

    def look(one: tuple[str, str]) -> tuple[Seen, Facts] | BadFileError | OSError:
        try:
            seen = fingerprint_input(*one, reading, fingerprints)
            return seen, format_module(one[1]).inspect(one[0], reading)
        except (BadFileError, OSError) as error:
            return error

    remote = any(not storage.is_local(path) for path, _ in inputs)
    pool = ThreadPoolExecutor(LOOKERS if remote else LOCAL_LOOKERS)
    try:
        yield from zip(inputs, pool.map(look, inputs), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)  # after a bad file nobody wants the rest


def fingerprint_input(
    path: str, kind: str, reading: ReadSettings, fingerprints: Fingerprints
) -> Seen:
    """The fingerprint of one input as `find_inputs` names it."""
    if kind != "tfds":
        return fingerprints.look(path)
    seen = [fingerprints.look(file) for file in format_module(kind).files(path, reading)]
    if len(seen) == 1:
        return Seen(seen[0].digest, seen[0].size, None)
    digest = hashlib.sha256("\n".join(one.digest for one in seen).encode()).hexdigest()
    return Seen(f"sha256:{digest}", sum(one.size for one in seen), None)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _cut(
    sources: list[Source],
    facts: list[Facts],
    columns: Columns,
    reading: ReadSettings,
    limit: int | None,
) -> list[WorkItem]:
    items: list[WorkItem] = []
    left = limit
    for number, (source, found) in enumerate(zip(sources, facts, strict=True)):
        rows = found.rows
        if left is not None:
            rows = min(left, _count(source, reading, left) if rows is None else rows)
            left -= rows
        for start, length in _pieces(rows, found.shards, reading.shard_rows * TABLES_PER_ITEM):
            items.append(WorkItem(len(items), number, start, length))
        if left == 0:
            break
    return items


def _pieces(rows: int | None, shards: list[int] | None, most: int) -> list[tuple[int, int | None]]:
    """Start and length of the pieces of one source; an empty source is one piece of no rows."""
    if rows is None:
        return [(0, None)]
    pieces: list[tuple[int, int | None]] = []
    start = 0
    for length in shards or [rows]:
        end = min(start + length, rows)
        while start < end:
            step = min(most, end - start)
            pieces.append((start, step))
            start += step
    return pieces or [(0, 0)]


def _count(source: Source, reading: ReadSettings, most: int) -> int:
    """Counts the rows of a text file, up to `most`."""
    read = format_module(source.format).read
    stretches = read(source.path, 0, most, [], reading, source.size)
    return sum(rows.table.num_rows or len(rows.error) for rows in stretches)


def save_plan(plan: Plan, path: str) -> None:
    """Writes a plan to a file that workers load it from."""
    value = {
        "format": 1,
        "digest": plan.digest,
        "settings": plan.settings,
        "columns": _plain(plan.columns),
        "schema": pa.schema(list(plan.schema.items())).serialize().to_pybytes().hex(),
        "reading": _plain(plan.reading),
        "sources": [list(dataclasses.astuple(source)) for source in plan.sources],
        "items": [list(dataclasses.astuple(item)) for item in plan.items],
        "skipped": plan.skipped,
    }
    storage.write_bytes(path, json.dumps(value).encode())


@functools.lru_cache(maxsize=2)
def load_plan(path: str) -> Plan:
    """Reads a plan; a worker process keeps it."""
    value = storage.read_json(path)
    columns, reading = value["columns"], value["reading"]
    schema = pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(value["schema"])))
    return Plan(
        settings=value["settings"],
        columns=Columns(
            tuple(columns["text"]),
            columns["id"],
            tuple((column, name) for column, name in columns["carry"]),
            columns["gold"],
            columns.get("probabilities"),
        ),
        schema={field.name: field.type for field in schema},
        reading=ReadSettings(
            reading["shard_rows"],
            tuple(reading["csv_columns"]) if reading["csv_columns"] else None,
            reading["tfds_data_dir"],
        ),
        sources=[_source(source) for source in value["sources"]],
        items=[WorkItem(*item) for item in value["items"]],
        skipped=[(path, reason) for path, reason in value["skipped"]],
    )


def _source(values: list[Any]) -> Source:
    source = Source(*values)
    return dataclasses.replace(source, labels=source.labels and tuple(source.labels))


def _without_none(values: dict[str, Any], name: str) -> dict[str, Any]:
    """Leaves out what isn't used, so that plans of versions which didn't have it stay the same."""
    return {key: value for key, value in values.items() if key != name or value is not None}


def _plain(value: Any) -> dict[str, Any]:
    return json.loads(json.dumps(dataclasses.asdict(value)))
