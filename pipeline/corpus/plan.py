"""The plan: what is read, with what it is scored, and how the work is cut.

Everything that decides the result is in it and under its digest: inputs with fingerprints, the
bundle's digest, columns, engine, precision, token budget. So two runs with one digest give the
same rows. A run that died is continued by its saved plan, by whoever asks for the same: see
`same_run.py`.

The plan lies in a file; the job graph holds its path only, since a graph may have 10 MB and a plan
may have more. What of it grows with the corpus, inputs and work items, is cut: the first thousand
inputs lie in `plan.json`, each further thousand in a file beside it, which is read only by whoever
looks at inputs or items.
"""

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any

import pyarrow as pa

from pipeline import storage
from pipeline.corpus.documents import (
    Columns,
    ReadSettings,
    Source,
    WorkItem,
    document_schema,
    output_schema,
)

WHOLE, IN_PIECES = 1, 2  # formats; version 0.1 knows the first one only
PIECE_SOURCES = 1000


@dataclass(frozen=True)
class Plan:
    """A run, before it begins.

    Attributes:
        settings: all that decides the result beside the sources, as JSON values.
        columns: which columns are used.
        schema: type of each column in use.
        reading: what the formats must know.
        sources: the inputs in the corpus' order.
        items: the work items in the corpus' order.
        skipped: path and reason of inputs that can't be read.
    """

    settings: dict[str, Any]
    columns: Columns
    schema: dict[str, pa.DataType]
    reading: ReadSettings
    sources: Sequence[Source]
    items: Sequence[WorkItem]
    skipped: list[tuple[str, str]]

    def identity(self) -> dict[str, Any]:
        """All that decides the result, as JSON values."""
        # The labels are the bundle's. Plans of version 0.1 also said what to do with bad files,
        # which decides whether a run ends, not what one that does end has written.
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


def keeps_promise(settings: dict[str, Any]) -> bool:
    """Whether a cascade's threshold is chosen by the run itself, from the corpus."""
    return "agreement" in settings


def save_plan(plan: Plan, path: str) -> None:
    """Writes a plan to files that workers load it from; the one at `path` comes first.

    Without that one, the others are nobody's: so whatever happens in between, they can be found.
    """
    pieces = list(_pieces(plan))
    more = len(pieces) - 1
    value = {
        "format": IN_PIECES if more else WHOLE,
        "digest": plan.digest,
        "settings": plan.settings,
        "columns": _plain(plan.columns),
        "schema": pa.schema(list(plan.schema.items())).serialize().to_pybytes().hex(),
        "reading": _plain(plan.reading),
        **pieces[0],
        **({"more": more} if more else {}),
        "skipped": plan.skipped,
    }
    storage.write_bytes(path, json.dumps(value).encode())
    for number, piece in enumerate(pieces[1:], 1):
        storage.write_bytes(_piece_path(path, number), json.dumps(piece).encode())


def _pieces(plan: Plan) -> Iterator[dict[str, list[list[Any]]]]:
    """The sources by the thousand, with their items."""
    items = {
        number: [_values(item) for item in group]
        for number, group in groupby(plan.items, lambda item: item.source // PIECE_SOURCES)
    }
    for start in range(0, max(len(plan.sources), 1), PIECE_SOURCES):
        sources = [_values(source) for source in plan.sources[start : start + PIECE_SOURCES]]
        yield {"sources": sources, "items": items.get(start // PIECE_SOURCES, [])}


def _piece_path(path: str, number: int) -> str:
    return f"{path.removesuffix('.json')}-{number:05d}.json"


def saved_digest(path: str) -> str | None:
    """The digest of the plan in a file, without reading it all; None if it holds no plan."""
    try:
        with storage.open_input(path) as stream:
            head = stream.read(200)
    except (FileNotFoundError, NotADirectoryError):
        return None
    match = re.match(rb'{"format": \d+, "digest": "([0-9a-f]{64})"', head)
    return match[1].decode() if match else None


@functools.lru_cache(maxsize=2)
def load_plan(path: str) -> Plan:
    """Reads a plan; a worker process keeps it.

    Of one in pieces, the inputs and items beyond the first thousand inputs are read when somebody
    looks at them.
    """
    value = storage.read_json(path)
    columns, reading = value["columns"], value["reading"]
    schema = pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(value["schema"])))
    more = value.get("more", 0)
    first = _read_sources(value), _read_items(value)

    @functools.cache
    def whole() -> tuple[list[Source], list[WorkItem]]:
        sources, items = list(first[0]), list(first[1])
        for piece in _read_more(path, more):
            sources += _read_sources(piece)
            items += _read_items(piece)
        return sources, items

    plan = Plan(
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
        sources=_Later(lambda: whole()[0]) if more else first[0],
        items=_Later(lambda: whole()[1]) if more else first[1],
        skipped=[(path, reason) for path, reason in value["skipped"]],
    )
    if more:  # the digest is over all the inputs; who only works on some needn't read the others
        plan.__dict__["digest"] = value["digest"]
    return plan


def stream_items(path: str) -> Iterator[tuple[Source, WorkItem]]:
    """Reads the work items of a plan, each with its source, a piece at a time."""
    value = storage.read_json(path)
    start = 0
    for piece in chain([value], _read_more(path, value.get("more", 0))):
        sources = _read_sources(piece)
        for item in _read_items(piece):
            yield sources[item.source - start], item
        start += PIECE_SOURCES


class _Later(Sequence):
    """A list that is read when somebody looks into it."""

    def __init__(self, read: Callable[[], list]):
        self._read = read

    def __getitem__(self, place: Any) -> Any:
        return self._read()[place]

    def __len__(self) -> int:
        return len(self._read())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._read() == list(other)

    __hash__ = None  # type: ignore[assignment]


def _read_more(path: str, more: int) -> Iterator[dict[str, Any]]:
    return (storage.read_json(_piece_path(path, number)) for number in range(1, more + 1))


def _read_sources(value: dict[str, Any]) -> list[Source]:
    return [_source(source) for source in value["sources"]]


def _read_items(value: dict[str, Any]) -> list[WorkItem]:
    return [WorkItem(*item) for item in value["items"]]


def _source(values: list[Any]) -> Source:
    source = Source(*values)
    return dataclasses.replace(source, labels=tuple(source.labels)) if source.labels else source


def _without_none(values: dict[str, Any], name: str) -> dict[str, Any]:
    """Leaves out what isn't used, so that plans of versions which didn't have it stay the same."""
    return {key: value for key, value in values.items() if key != name or value is not None}


def _values(one: Source | WorkItem) -> list[Any]:
    return [getattr(one, field.name) for field in dataclasses.fields(one)]


def _plain(value: Any) -> dict[str, Any]:
    return json.loads(json.dumps(dataclasses.asdict(value)))
