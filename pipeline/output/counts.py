"""`counts.json`: the rows of large files' pieces, counted before the first of them is read.

It is made once, and whoever continues the run takes it as it is: another count (a store that failed
for a moment) would give each piece other rows than its checkpoints have.
"""

import functools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline import durable, layout, storage
from pipeline.corpus.planning.pieces import Counted, settled
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.sources import Source, WorkItem


class PieceCount(NamedTuple):
    """The rows of one piece.

    Attributes:
        source: its source's number in the plan.
        piece: its number in the source.
        rows: how many.
        reason: why there may be more, if so.
    """

    source: int
    piece: int
    rows: int
    reason: str | None


def are_counted(work: str) -> bool:
    """Whether counting is done."""
    return storage.exists(_path(work))


def save_counts(counts: Iterable[PieceCount], work: str) -> None:
    """Saves what was counted, unless somebody has done so already."""
    by_source: dict[int, Counted] = {}
    for one in sorted(counts):
        by_source.setdefault(one.source, []).append((one.rows, one.reason))
    durable.create_json(_path(work), by_source)


def settled_items(
    items: Iterable[tuple[Source, WorkItem]], work: str
) -> Iterator[tuple[Source, WorkItem]]:
    """Work items, each with its source, of which each piece knows its rows.

    Raises:
        FileNotFoundError: if they aren't counted yet, at the first piece.
    """
    return settled(items, functools.cache(lambda: _read(work)))


def settled_plan(plan: Plan, work: str) -> list[WorkItem]:
    """A plan's work items, as `settled_items` has them."""
    pairs = ((plan.sources[item.source], item) for item in plan.items)
    return [item for _, item in settled_items(pairs, work)]


def _read(work: str) -> dict[int, Counted]:
    value = storage.read_json(_path(work))
    return {
        int(source): [(rows, reason) for rows, reason in counted]
        for source, counted in value.items()
    }


def _path(work: str) -> str:
    return storage.join(work, layout.COUNTS)
