"""Plans in files: workers load them from there, since a job graph may have 10 MB and a plan more.

What of a plan grows with the corpus, inputs and work items, is cut: the first thousand inputs lie
in `plan.json`, each further thousand in a file beside it, which is read only by whoever looks at
inputs or items.
"""

import dataclasses
import functools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any

import pyarrow as pa

from pipeline import durable, storage
from pipeline.corpus.planning.plan import Plan, json_values
from pipeline.corpus.sources import Columns, ReadSettings, Source, View, WorkItem

WHOLE, IN_PIECES = 1, 2  # formats; version 0.1 knows the first one only
PIECE_SOURCES = 1000


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
        "columns": json_values(plan.columns),
        "schema": pa.schema(list(plan.schema.items())).serialize().to_pybytes().hex(),
        "reading": json_values(plan.reading),
        **pieces[0],
        **({"more": more} if more else {}),
        "skipped": plan.skipped,
    }
    durable.write_bytes(path, json.dumps(value).encode())
    for number, piece in enumerate(pieces[1:], 1):
        durable.write_bytes(_piece_path(path, number), json.dumps(piece).encode())


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
    labels = tuple(source.labels) if source.labels else None
    if source.view is None:
        return dataclasses.replace(source, labels=labels) if labels else source
    columns, deleted = source.view
    view = View(tuple((name, there, value) for name, there, value in columns), deleted)
    return dataclasses.replace(source, labels=labels, view=view)


def _values(one: Source | WorkItem) -> list[Any]:
    return [getattr(one, field.name) for field in dataclasses.fields(one)]
