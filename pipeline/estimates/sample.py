"""A few rows of a corpus, and about how many rows it has."""

import dataclasses
import time
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from pipeline.corpus.documents import Shard
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.sources import Source, WorkItem
from pipeline.errors import BadFileError
from pipeline.output.completion import LINES, bytes_of_row
from pipeline.stages.reading import read_source

INPUTS = 8
ROWS = 512  # of each of them


class Sample(NamedTuple):
    """What a look at the beginnings of some inputs finds.

    Attributes:
        shards: of documents.
        rows: of the whole corpus; None if nothing tells.
        is_exact: whether that is counted, or reckoned from sizes.
        seconds: that reading a row takes.
    """

    shards: list[Shard]
    rows: int | None
    is_exact: bool
    seconds: float


def take_sample(plan: Plan) -> Sample:
    """Reads the first rows of up to eight inputs, spread over all of them.

    What can't be read is left out: the run itself says why.
    """
    reading = dataclasses.replace(plan.reading, shard_rows=ROWS)
    small = dataclasses.replace(plan, reading=reading)
    shards: list[Shard] = []
    started = time.perf_counter()
    for item in _spread([item for item in plan.items if (item.start, item.piece) == (0, 0)]):
        with suppress(BadFileError, OSError):
            source = plan.sources[item.source]
            shards.append(next(read_source(small, source, item, skip_bad_files=True)))
    seconds = time.perf_counter() - started
    shards = [shard for shard in shards if shard.table.num_rows]
    read = sum(shard.table.num_rows for shard in shards)
    rows = plan.rows()
    return Sample(
        shards,
        _about_rows(plan) if rows is None else rows,
        rows is not None,
        seconds / max(read, 1),
    )


def _about_rows(plan: Plan) -> int | None:
    """About how many rows there are, from the sizes of files and of their first rows."""
    uncounted = [item for item in plan.items if item.rows is None]
    counted = sum(item.rows or 0 for item in plan.items)
    sources = [plan.sources[item.source] for item in _spread(uncounted)]
    sizes = [_bytes_of_row(source) for source in sources]
    known = [(source, size) for source, size in zip(sources, sizes, strict=True) if size]
    if not known or None in sizes:
        return None
    looked_at = sum(source.size for source, _ in known)
    mean = looked_at / sum(source.size / size for source, size in known)
    size = sum(plan.sources[item.source].size / item.pieces for item in uncounted)
    return counted + round(size / mean)


def _bytes_of_row(source: Source) -> float | None:
    if source.format not in LINES:
        return None
    with suppress(OSError):
        return bytes_of_row(source.path, source.format)
    return None


def _spread(items: list[WorkItem]) -> list[WorkItem]:
    places = np.unique(np.linspace(0, len(items) - 1, min(INPUTS, len(items))).astype(int))
    return [items[place] for place in places]
